import { randomUUID } from 'node:crypto';
import { timestamp } from '../oauth/clock.js';
import { ReplayGuard, type AssertionUse } from '../runs/replay-guard.js';
import type { Database } from './database.js';
import { repeatOnce } from './repeat-once.js';

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

  async spend({ sha256, holder, expiresAt }: AssertionUse): Promise<boolean> {
    // what is used once is bound to this very use, which so finds itself again
    const boundTo = holder ?? randomUUID();
    const parameters = [sha256, timestamp(expiresAt), boundTo];
    const bind = () => repeatOnce(() => this.database.query(BIND, parameters));
    let [row] = await bind();
    // another's insert that the statement waited for is seen by the next one
    if (row === undefined) [row] = await bind();
    return row?.['bound_to'] === boundTo;
  }

  async forget(): Promise<number> {
    return (await this.database.query(FORGET)).length;
  }
}
