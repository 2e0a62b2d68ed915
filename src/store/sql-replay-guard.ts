import { createHash } from 'node:crypto';
import { timestamp } from '../oauth/clock.js';
import { ReplayGuard } from '../runs/replay-guard.js';
import type { Database } from './database.js';

const CONSUME = 'insert into assertion_seen (sha256, expires_at) values ($1, $2::timestamptz) on conflict do nothing returning sha256';
const FORGET = `
  delete from assertion_seen where sha256 = any (array(
    select sha256 from assertion_seen where expires_at < now() order by expires_at limit 1000 for update skip locked))
  returning sha256`;

/** One row for each use of an assertion. */
export class SqlReplayGuard extends ReplayGuard {
  constructor(private readonly database: Database) {
    super();
  }

  async consume(issuer: string, client: string, jti: string, expiresAt: number): Promise<boolean> {
    // as JSON, so that no two triples run together into one text
    const sha256 = createHash('sha256')
      .update(JSON.stringify([issuer, client, jti]))
      .digest('hex');
    const rows = await this.database.query(CONSUME, [sha256, timestamp(expiresAt)]);
    return rows.length === 1;
  }

  async forget(): Promise<number> {
    return (await this.database.query(FORGET)).length;
  }
}
