import { z } from 'zod';
import { CursorInvalid } from '../attribution/entry-search.js';
import { timestamp } from '../oauth/clock.js';
import {
  workKinds,
  workStates,
  WorkStore,
  type GivenUpWork,
  type OwedWork,
  type Pauses,
  type TriedWork,
  type WorkFilter,
  type WorkKind,
  type WorkPage,
} from '../work/owed-work.js';
import { time } from './column-types.js';
import type { Database } from './database.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/**
 * Where owed work stands, each with the columns of the others. What failed once has a row in `work`; what never did is found where it came
 * from: an intent past its deadline, a run past its own.
 */
const SOURCES = {
  work: `select w.id, w.kind, w.subject, w.created_at as since, w.due_at, w.attempts, w.last_error, w.given_up_at
    from work w where w.done_at is null`,
  rotation: `select r.id, 'rotate' as kind, r.id as subject, r.begun_at as since, r.due_at, r.attempts, r.fault as last_error, r.given_up_at
    from rotation r where r.ended_at is null and r.state in ('proving', 'overlap')`,
  intent: `select null as id, 'close_intent' as kind, i.id as subject, i.deadline as since, i.deadline as due_at, 0 as attempts,
      null as last_error, null::timestamptz as given_up_at
    from issuance i where i.state = 'open' and i.deadline <= now()
      and (select w.id from work w where w.kind = 'close_intent' and w.subject = i.id) is null`,
  run: `select null as id, 'end_run' as kind, r.id as subject, r.expires_at as since, r.expires_at as due_at, 0 as attempts,
      null as last_error, null::timestamptz as given_up_at
    from run r where r.ended_at is null and r.expires_at <= now()
      and (select w.id from work w where w.kind = 'end_run' and w.subject = r.id) is null`,
} as const;
type Source = keyof typeof SOURCES;

/** The columns by which each is in order, as its index has them. */
const ORDER: Readonly<Record<Source, { readonly since: string; readonly kind: string; readonly subject: string }>> = {
  work: { since: 'w.created_at', kind: 'w.kind', subject: 'w.subject' },
  rotation: { since: 'r.begun_at', kind: `'rotate'::text`, subject: 'r.id' },
  intent: { since: 'i.deadline', kind: `'close_intent'::text`, subject: 'i.id' },
  run: { since: 'r.expires_at', kind: `'end_run'::text`, subject: 'r.id' },
};

const IN_STATE: Readonly<Record<'due' | 'waiting' | 'given_up', string>> = {
  due: 'given_up_at is null and due_at <= now()',
  waiting: 'given_up_at is null and due_at > now()',
  given_up: 'given_up_at is not null',
};

/** What is known of its subject; looked up one by one, for the few rows of a page. */
const WITH_SUBJECT = `
  left join lateral (select i.run, i.workflow, i.client, i.resource, coalesce(i.expires_at, i.exposed_until) as ends from issuance i
    where o.kind in ('revoke', 'close_intent') and i.id = o.subject offset 0) i on true
  left join lateral (select r.id, r.workflow from run r where o.kind = 'end_run' and r.id = o.subject offset 0) r on true
  left join lateral (select t.client from rotation t where o.kind = 'rotate' and t.id = o.subject offset 0) t on true`;

const WHOLE = `
  select o.id, o.kind, o.subject, o.since, o.due_at, o.attempts, o.last_error, o.given_up_at,
    case when ${IN_STATE.given_up} then 'given_up' when ${IN_STATE.due} then 'due' else 'waiting' end as state,
    coalesce(i.run, r.id) as run, coalesce(i.workflow, r.workflow) as workflow, coalesce(i.client, t.client) as client, i.resource,
    i.ends as lives_until
  from owed o ${WITH_SUBJECT}
  order by o.since, o.kind, o.subject`;

const FIND = `with owed as materialized (${SOURCES.work} and w.id = $1 union all ${SOURCES.rotation} and r.id = $1) ${WHOLE}`;

const GIVEN_UP = `
  with o as materialized (
    ${SOURCES.work} and w.given_up_at is not null union all ${SOURCES.rotation} and r.given_up_at is not null
  )
  select o.kind, coalesce(i.client, t.client) as client, case when i.client is null then r.workflow end as workflow, count(*)::int as count,
    (array_agg(o.last_error order by o.given_up_at desc))[1] as last_error, max(i.ends) as lives_until
  from o ${WITH_SUBJECT}
  group by 1, 2, 3 order by 1, 2, 3`;

/** $3 to $5: the first pause, the longest, and the shortest that will do. */
const NEXT = (attempts: string): string =>
  `now() + greatest($5::float8, least($3::float8 * power(2, least(${attempts}, 30) - 1), $4::float8)) * interval '1 millisecond'`;

/** A revocation is counted when it is taken; everything else, which is not taken, when it has failed. */
const COUNTED = `work.attempts + case when work.kind = 'revoke' then 0 else 1 end`;
const POSTPONE = `
  insert into work (id, kind, subject, created_at, due_at, attempts, last_error)
    values ('wrk' || replace(gen_random_uuid()::text, '-', ''), $1, $6, coalesce($7::timestamptz, now()), ${NEXT('1')}, 1, $2)
  on conflict (kind, subject) do update set attempts = ${COUNTED}, last_error = excluded.last_error, due_at = ${NEXT(`greatest(${COUNTED}, 1)`)}
    where work.done_at is null and work.given_up_at is null
  returning id, attempts`;
const POSTPONE_ROTATION = `
  update rotation set fault = $2, due_at = ${NEXT('greatest(attempts, 1)')}
  where id = $1 and state = $6 and ended_at is null and given_up_at is null
  returning id, attempts`;

const owedRow = z
  .object({
    id: z.string().nullable(),
    kind: z.enum(workKinds),
    subject: z.string(),
    since: time,
    due_at: time,
    attempts: z.number(),
    last_error: z.string().nullable(),
    given_up_at: time.nullable(),
    state: z.enum(workStates),
    run: z.string().nullable(),
    workflow: z.string().nullable(),
    client: z.string().nullable(),
    resource: z.string().nullable(),
    lives_until: time.nullable(),
  })
  .transform(({ due_at, last_error, given_up_at, lives_until, ...owed }): OwedWork => ({
    ...owed,
    lastError: last_error,
    nextAttemptAt: given_up_at === null ? due_at : null,
    givenUpAt: given_up_at,
    livesUntil: lives_until,
  }));

const givenUpRow = z
  .object({
    kind: z.enum(workKinds),
    client: z.string().nullable(),
    workflow: z.string().nullable(),
    count: z.number(),
    last_error: z.string().nullable(),
    lives_until: time.nullable(),
  })
  .transform(({ last_error, lives_until, ...row }): GivenUpWork => ({ ...row, lastError: last_error, livesUntil: lives_until }));

const triedRow = z.object({ id: z.string(), attempts: z.number() });

/** Work in SQL, each page one statement. */
export class SqlOwedWork extends WorkStore {
  constructor(private readonly database: Database) {
    super();
  }

  async list(filter: WorkFilter): Promise<WorkPage> {
    const limit = Math.min(Math.max(filter.limit ?? DEFAULT_LIMIT, 1), MAX_LIMIT);
    const { sql, parameters } = workQuery(filter, limit + 1);
    const rows = (await this.database.query(sql, parameters)).map((row) => owedRow.parse(row));
    const work = rows.slice(0, limit);
    const last = work.at(-1);
    return { work, next: rows.length > limit && last !== undefined ? printCursor(last) : null };
  }

  async find(id: string): Promise<OwedWork | null> {
    const [row] = await this.database.query(FIND, [id]);
    return row === undefined ? null : owedRow.parse(row);
  }

  async givenUp(): Promise<readonly GivenUpWork[]> {
    return (await this.database.query(GIVEN_UP)).map((row) => givenUpRow.parse(row));
  }

  async postpone(
    tried: TriedWork,
    error: string,
    { first, longest, shortest }: Pauses,
  ): Promise<{ readonly id: string; readonly attempts: number } | null> {
    const pauses = [error, first, longest, shortest];
    const [row] =
      tried.kind === 'rotate'
        ? await this.database.query(POSTPONE_ROTATION, [tried.subject, ...pauses, tried.state])
        : await this.database.query(POSTPONE, [
            tried.kind,
            ...pauses,
            tried.subject,
            tried.since === undefined ? null : timestamp(tried.since),
          ]);
    return row === undefined ? null : triedRow.parse(row);
  }
}

/** The statement of one page: what is not filtered by does not stand in it, so that each source is read in the order of its index. */
export function workQuery(filter: WorkFilter, limit: number): { readonly sql: string; readonly parameters: readonly unknown[] } {
  const parameters: unknown[] = [];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  const after = filter.cursor === undefined ? null : parseCursor(filter.cursor);
  const place = after === null ? null : [parameter(timestamp(after.since)), parameter(after.kind), parameter(after.subject)];
  const selects = sourcesOf(filter).map((source) => {
    const { since, kind, subject } = ORDER[source];
    const conditions = [
      ...(source === 'work' && filter.kind !== undefined ? [`w.kind = ${parameter(filter.kind)}`] : []),
      ...(filter.state === undefined || source === 'intent' || source === 'run' ? [] : [IN_STATE[filter.state]]),
      // the first is what the index can answer
      ...(place === null
        ? []
        : [
            `${since} >= ${place[0]}::timestamptz`,
            `(${since}, ${kind}, ${subject}) > (${place[0]}::timestamptz, ${place[1]}, ${place[2]})`,
          ]),
    ];
    const where = conditions.map((condition) => ` and ${condition}`).join('');
    return `(${SOURCES[source]}${where} order by ${since}, ${source === 'work' ? 'w.kind, ' : ''}${subject} limit ${limit})`;
  });
  const owed = `select * from (${selects.join(' union all ')}) u order by since, kind, subject limit ${limit}`;
  return { sql: `with owed as materialized (${owed}) ${WHOLE}`, parameters };
}

/** What was never tried is due. */
function sourcesOf({ kind, state }: WorkFilter): readonly Source[] {
  const kinds: Readonly<Record<Source, readonly WorkKind[]>> = {
    work: ['revoke', 'end_run', 'close_intent'],
    rotation: ['rotate'],
    intent: state === undefined || state === 'due' ? ['close_intent'] : [],
    run: state === undefined || state === 'due' ? ['end_run'] : [],
  };
  const all = ['work', 'rotation', 'intent', 'run'] as const;
  return all.filter((source) => (kind === undefined ? kinds[source].length > 0 : kinds[source].includes(kind)));
}

const cursorShape = z.tuple([z.number().int().nonnegative(), z.enum(workKinds), z.string().regex(/^[0-9A-Za-z]{1,64}$/)]);

function printCursor({ since, kind, subject }: OwedWork): string {
  return Buffer.from(JSON.stringify([since, kind, subject])).toString('base64url');
}

function parseCursor(cursor: string): Pick<OwedWork, 'since' | 'kind' | 'subject'> {
  try {
    const [since, kind, subject] = cursorShape.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    return { since, kind, subject };
  } catch {
    throw new CursorInvalid();
  }
}
