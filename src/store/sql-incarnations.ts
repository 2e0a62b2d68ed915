import type { Entry } from '../attribution/entry-log.js';
import type { Database } from './database.js';
import { entryRows } from './entry-rows.js';

const START = 'call start_incarnation($1::text, $2::text[], $3::jsonb, null)';

/** Incarnations of the facts: a new one begins where an operator has acknowledged that the database lost something (DESIGN §7). */
export class SqlIncarnations {
  constructor(private readonly database: Database) {}

  /** What was seen under `lost` is looked for no more. Durable, with its entry, when this resolves. */
  async start(incarnation: string, lost: readonly string[], entry: Entry): Promise<void> {
    await this.database.query(START, [incarnation, lost, entryRows([entry])]);
  }
}
