import { createHash } from 'node:crypto';
import { timestamp } from '../oauth/clock.js';
import { ReplayGuard } from '../runs/replay-guard.js';
import type { Database } from './database.js';

const CONSUME = 'insert into assertion_seen (sha256, expires_at) values ($1, $2::timestamptz) on conflict do nothing returning sha256';
const BIND = `
  with made as (
    insert into assertion_seen (sha256, expires_at, bound_to) values ($1, $2::timestamptz, $3) on conflict do nothing returning bound_to)
  select bound_to from made union all select bound_to from assertion_seen where sha256 = $1`;
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
    const rows = await this.database.query(CONSUME, [digestOf(issuer, client, jti), timestamp(expiresAt)]);
    return rows.length === 1;
  }

  async bind(issuer: string, client: string, jti: string, holder: string, expiresAt: number): Promise<boolean> {
    const parameters = [digestOf(issuer, client, jti), timestamp(expiresAt), holder];
    let [row] = await this.database.query(BIND, parameters);
    // another's insert that the statement waited for is seen by the next one
    if (row === undefined) [row] = await this.database.query(BIND, parameters);
    return row?.['bound_to'] === holder;
  }

  async forget(): Promise<number> {
    return (await this.database.query(FORGET)).length;
  }
}

/** As JSON, so that no two triples run together into one text. */
function digestOf(...triple: readonly [issuer: string, client: string, jti: string]): string {
  return createHash('sha256').update(JSON.stringify(triple)).digest('hex');
}
