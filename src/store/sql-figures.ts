import { z } from 'zod';
import type { Database } from './database.js';

/** Each part reads by the partial index of what is alive, and no further than the bound. */
const EXPOSURE = `
  with alive as (
    select revocation from issuance
    where state in ('issued', 'refused') and revocation is distinct from 'revoked' and expires_at > now() limit $1
  ), unclear as (
    select state from issuance
    where state in ('open', 'unknown') and revocation is distinct from 'revoked' and exposed_until > now() limit $1
  )
  select a.*, u.* from
    (select count(*)::int as live, count(*) filter (where revocation in ('unsupported', 'given_up'))::int as unrevocable,
      count(*) filter (where revocation = 'pending')::int as pending from alive) a,
    (select count(*) filter (where state = 'open')::int as open, count(*) filter (where state = 'unknown')::int as unknown from unclear) u`;

/** More than that says no more, and each is looked up among what failed. */
const UNTOUCHED = 'least($1, 1000)';

/*
 * What failed once, or was begun, has a row; what nobody has touched is found where it came from, as its sweep finds it: by the partial index
 * of what is open, past its deadline. Each is bounded before it is looked at any closer, so that no question takes long where no process does
 * any work. Of the tokens the newest are read: those that died meanwhile come before them.
 */
const WORK = `
  with owed as (
    (select kind, due_at, attempts, given_up_at from work where done_at is null limit $1)
    union all
    (select 'rotate', due_at, attempts, given_up_at from rotation where ended_at is null and state in ('proving', 'overlap') limit $1)
    union all
    select 'close_intent', deadline, 0, null from (
      select id, deadline from issuance where state = 'open' and deadline <= now() order by deadline limit ${UNTOUCHED}
    ) i where (select w.id from work w where w.kind = 'close_intent' and w.subject = i.id) is null
    union all
    select 'end_run', expires_at, 0, null from (
      select id, expires_at from run where ended_at is null and expires_at <= now() order by expires_at limit ${UNTOUCHED}
    ) r where (select w.id from work w where w.kind = 'end_run' and w.subject = r.id) is null
    union all
    select 'revoke', served_until, 0, null from (
      select served_until, expires_at from issuance
      where state = 'issued' and revocation is null and sealed is not null and served_until <= now() order by served_until desc limit ${UNTOUCHED}
    ) t where expires_at > now()
  )
  select kind, count(*) filter (where given_up_at is null)::int as waiting,
    coalesce(greatest(extract(epoch from now() - min(due_at) filter (where given_up_at is null)), 0), 0)::float8 as overdue,
    coalesce(max(attempts) filter (where given_up_at is null), 0)::int as attempts,
    count(*) filter (where given_up_at is not null)::int as given_up
  from owed group by kind order by kind`;

const exposureRow = z.object({ live: z.number(), unrevocable: z.number(), pending: z.number(), open: z.number(), unknown: z.number() });
const workRow = z.object({ kind: z.string(), waiting: z.number(), overdue: z.number(), attempts: z.number(), given_up: z.number() });

/** What may still work: tokens that live, those of them that cannot be and are not yet revoked, attempts that are open or unknown. */
export type ExposureFigures = z.infer<typeof exposureRow>;
/** Work of one kind that is not done, whether anybody has tried it or not; `overdue` in seconds is of the oldest that waits, `attempts` of the most tried. */
export type WorkFigures = z.infer<typeof workRow>;

/** Counts for whoever watches over Corridor: `most` of each, so that no question takes long; beyond it a figure says only that there are so many. */
export class SqlFigures {
  constructor(
    private readonly database: Database,
    private readonly most: number,
  ) {}

  async exposure(): Promise<ExposureFigures> {
    const [row] = await this.database.query(EXPOSURE, [this.most]);
    return exposureRow.parse(row);
  }

  async work(): Promise<readonly WorkFigures[]> {
    return (await this.database.query(WORK, [this.most])).map((row) => workRow.parse(row));
  }
}
