import { timestamp } from '../oauth/clock.js';
import {
  ExposureList,
  mostReleasesCounted,
  type Fate,
  type LivePlace,
  type LiveToken,
  type SuspensionExposure,
} from '../suspensions/exposure.js';
import type { SuspensionKind } from '../suspensions/suspension.js';
import type { Database } from './database.js';
import { activeRow, liveTokenRow, suspensionExposureRow } from './exposure-row.js';

const WHICH = `i.id, i.state, i.run, i.workflow, i.client, i.resource, i.authorization_server`;

/** Nobody saw its text, so that nobody can revoke it. */
const NEVER_SEEN = `i.state = 'unknown' and i.token_sha256 is null`;
const REVOCATION = `case when ${NEVER_SEEN} then 'unsupported' else i.revocation end`;

// The fence keeps the planner from the index by type: every release there ever was.
const LIVE = `
  with live as (
    select * from (
      select *, case when state in ('open', 'unknown') then exposed_until else expires_at end as ends from issuances_covered($1, $2)
    ) covered
    where $4::timestamptz is null or ends < $4 or ends = $4 and id > $5
    order by ends desc, id limit $3
  )
  select ${WHICH}, i.isolation, ${REVOCATION} as revocation, case when i.audience_verified then i.audience end as audience,
    i.binding, i.ends,
    (select count(*)::int from (select from (select e.type from entry e where e.issuance = i.id offset 0) named
      where named.type = 'token.released' limit ${mostReleasesCounted}) counted) as released
  from live i order by ends desc, i.id`;

const FATE = `
  case when i.revocation = 'revoked' then 'revoked'
    when i.state in ('failed', 'refused') and i.token_sha256 is null then 'never_issued'
    when coalesce(i.expires_at, i.exposed_until) <= now() then 'expired'
    when i.revocation = 'unsupported' or ${NEVER_SEEN} then 'unsupported'
    when i.revocation = 'given_up' then 'given_up'
    else 'pending' end`;

// Inside json a time is milliseconds.
const OF_SUSPENSION = `
  with exposed as (
    select e.issuance, ${FATE} as fate, extract(epoch from coalesce(i.expires_at, i.exposed_until)) * 1000 as ends
    from suspension_exposure e join issuance i on i.id = e.issuance where e.suspension = $1
  ), page as (
    select ${WHICH}, e.ends, e.fate, coalesce(w.attempts, 0) as attempts, w.last_error,
      extract(epoch from w.due_at) * 1000 as due_at, extract(epoch from w.done_at) * 1000 as done_at
    from (select * from exposed where issuance > $2 order by issuance limit $3) e
      join issuance i on i.id = e.issuance left join work w on w.kind = 'revoke' and w.subject = i.id
  )
  select (select json_agg(page order by page.id) from page) as tokens,
    (select json_agg(f) from (select fate, count(*) as tokens, max(ends) as ends from exposed group by fate) f) as fates,
    coalesce((select not s.unfinished from suspension s where s.id = $1), true) as complete`;

const ACTIVE_RUNS = 'select active_runs_covered($1, $2) as runs';

/** Exposure from the issuances and their releases. */
export class SqlExposure extends ExposureList {
  constructor(private readonly database: Database) {
    super();
  }

  async live(kind: SuspensionKind, target: string | null, limit: number, after?: LivePlace): Promise<readonly LiveToken[]> {
    const place = after === undefined ? [null, null] : [timestamp(after.expiresAt), after.issuance];
    const rows = await this.database.query(LIVE, [kind, target, limit, ...place]);
    return rows.map((row) => liveTokenRow.parse(row));
  }

  async ofSuspension(suspension: string, after: string, limit: number): Promise<SuspensionExposure> {
    const [row] = await this.database.query(OF_SUSPENSION, [suspension, after, limit]);
    const { tokens, fates, complete } = suspensionExposureRow.parse(row);
    const counted = (wanted: Fate): number => fates.find(({ fate }) => fate === wanted)?.tokens ?? 0;
    const ends = fates.filter(({ fate }) => fate === 'pending' || fate === 'given_up' || fate === 'unsupported').map((row) => row.ends);
    return {
      tokens,
      summary: {
        fates: {
          revoked: counted('revoked'),
          pending: counted('pending'),
          given_up: counted('given_up'),
          unsupported: counted('unsupported'),
          expired: counted('expired'),
          never_issued: counted('never_issued'),
        },
        liveUntil: ends.length === 0 ? null : Math.max(...ends),
        complete,
      },
    };
  }

  async activeRuns(kind: SuspensionKind, target: string | null): Promise<number> {
    const [row] = await this.database.query(ACTIVE_RUNS, [kind, target]);
    return activeRow.parse(row).runs;
  }
}
