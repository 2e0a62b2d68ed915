import { DecisionInputs } from '../policy/decision-inputs.js';
import type { Database } from './database.js';

const FORGET = `
  delete from decision_input where sha256 = any (array(
    select sha256 from decision_input where stored_at < now() - $1::float8 * interval '1 second'
    order by stored_at limit 1000 for update skip locked))
  returning sha256`;

export class SqlDecisionInputs extends DecisionInputs {
  constructor(private readonly database: Database) {
    super();
  }

  async forget(olderThan: number): Promise<number> {
    return (await this.database.query(FORGET, [olderThan])).length;
  }
}
