import { z } from 'zod';
import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Witness } from '../attribution/witness.js';
import { publicJwkSchema } from '../catalogue/public-jwk.js';
import { timestamp } from '../oauth/clock.js';
import type { EarlyNotice } from '../issuance/early-notice.js';
import type { AssertionUse } from '../runs/replay-guard.js';
import type { Run } from '../runs/run.js';
import { RunStore, type EndedRun, type NewRun, type Person, type StartedRun } from '../runs/run-store.js';
import { bytes, texts, time } from './column-types.js';
import type { Database } from './database.js';
import { entryRows } from './entry-rows.js';
import { repeatOnce } from './repeat-once.js';

const START = 'call start_run($1::jsonb, $2::text, $3::bigint, $4::jsonb, null, null, null, null)';
const END = 'call end_run($1::text, $2::jsonb, null, null, null)';
const RUN = `
  select r.id, r.runtime, r.workflow, r.purpose, r.operator, p.name, r.agent, r.lineage, r.credential, r.started_at, r.expires_at, r.ended_at, r.attested
  from run r left join person p on p.commitment = r.operator`;
const FIND = `${RUN} where r.id = $1`;
// `now()` can be looked up in an index, as clock_timestamp() cannot
const OVERDUE = `${RUN} where r.ended_at is null and r.expires_at <= now() and (select w.id from work w
    where w.kind = 'end_run' and w.subject = r.id and (w.given_up_at is not null or w.due_at > now())) is null
  order by r.expires_at limit $1`;
// one whose deadline passed before it was ended is overdue; one that has ended has only to be forgotten
const ORPHANED = `${RUN} join work w on w.subject = r.id
  where w.kind = 'end_run' and w.done_at is null and w.given_up_at is null and w.due_at <= now()
    and (r.ended_at is not null or r.expires_at > now())
  order by w.due_at limit $1`;
const FIND_BY_PLATFORM = `${RUN} where r.platform_run = $1`;
// the update that changes nothing makes the row that is there come back, whoever was first
const PERSON = `
  insert into person (name, commitment, salt) values ($1, $2, $3)
  on conflict (name) do update set name = excluded.name returning name, commitment, salt`;

const startedRow = z.union([
  z
    .object({ verdict: z.enum(['started', 'repeated']), run_id: z.string(), started: time, expires: time })
    .transform(({ verdict, run_id, started, expires }) => ({ verdict, run: run_id, startedAt: started, expiresAt: expires })),
  z.object({ verdict: z.enum(['conflict', 'over', 'parent_over', 'spent', 'stale']) }),
]);

const endedRow = z.union([
  z
    .object({ verdict: z.literal('ended'), ended: time, withdrawn: texts })
    .transform(({ verdict, ended, withdrawn }) => ({ verdict, endedAt: ended, withdrawn })),
  z.object({ verdict: z.literal('already'), ended: time }).transform(({ verdict, ended }) => ({ verdict, endedAt: ended })),
  z.object({ verdict: z.literal('unknown') }),
]);

/** Parsed on the way in as well: what is not public of a key is never kept. */
const runCredential = z.discriminatedUnion('method', [
  z.object({ id: z.string(), method: z.literal('client_secret'), secretSha256: z.string() }),
  z.object({ id: z.string(), method: z.literal('private_key_jwt'), publicKey: publicJwkSchema }),
  z.object({ id: z.string(), method: z.literal('workload') }),
]);

const attested = z.object({
  issuer: z.string(),
  runId: z.string(),
  claims: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const runRow = z
  .object({
    id: z.string(),
    runtime: z.string(),
    workflow: z.string(),
    purpose: z.string(),
    operator: z.string().nullable(),
    name: z.string().nullable(),
    agent: z.object({ name: z.string(), version: z.string(), model: z.string() }),
    lineage: texts,
    credential: runCredential,
    started_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    attested: attested.nullable(),
  })
  .transform(({ operator, name, lineage, started_at, expires_at, ended_at, attested: signed, ...run }): Run => ({
    ...run,
    operator: operator === null ? null : { commitment: operator, name: name ?? '' },
    ancestors: lineage.slice(1),
    startedAt: started_at,
    expiresAt: expires_at,
    endedAt: ended_at,
    ...(signed === null ? {} : { attested: signed }),
  }));

const personRow = z.object({ name: z.string(), commitment: z.string(), salt: bytes });

/** Runs in the database; beginning and ending are one procedure each. */
export class SqlRuns extends RunStore {
  constructor(
    private readonly database: Database,
    private readonly notice: EarlyNotice | null = null,
    private readonly witness: Witness | null = null,
  ) {
    super();
  }

  async start(run: NewRun, epoch: Epoch, entry: Entry): Promise<StartedRun> {
    const given = JSON.stringify({
      id: run.id,
      runtime: run.runtime,
      workflow: run.workflow,
      purpose: run.purpose,
      operator: run.operator,
      agent: run.agent,
      ancestors: run.ancestors,
      credential: runCredential.parse(run.credential),
      credential_id: run.credential.id,
      ttl: run.ttl,
      idempotency_key: run.idempotency?.key ?? null,
      idempotency_body: run.idempotency?.body ?? null,
      platform_run: run.attested === undefined ? null : platformRun(run.runtime, run.attested.runId),
      attested: run.attested ?? null,
      assertion: run.spends === undefined ? null : spending(run.spends, run),
    });
    const parameters = [given, epoch.incarnation, epoch.number, entryRows([entry])];
    const [row] = await repeatOnce(() => this.database.query(START, parameters));
    const started = startedRow.parse(row);
    if (started.verdict === 'started') this.witness?.noteEntry(entry.id);
    return started;
  }

  async end(run: string, entry: Entry): Promise<EndedRun> {
    const [row] = await repeatOnce(() => this.database.query(END, [run, entryRows([entry])]));
    const ended = endedRow.parse(row);
    if (ended.verdict === 'ended') this.witness?.noteEntry(entry.id);
    if (ended.verdict === 'ended') this.notice?.workLeft('run_ends'); // of its descendants
    if (ended.verdict === 'ended' && ended.withdrawn.length > 0) this.notice?.workLeft('revocations');
    return ended;
  }

  async overdue(limit: number): Promise<readonly Run[]> {
    const rows = await this.database.query(OVERDUE, [limit]);
    return rows.map((row) => runRow.parse(row));
  }

  async orphaned(limit: number): Promise<readonly Run[]> {
    const rows = await this.database.query(ORPHANED, [limit]);
    return rows.map((row) => runRow.parse(row));
  }

  async find(id: string): Promise<Run | null> {
    const [row] = await this.database.query(FIND, [id]);
    return row === undefined ? null : runRow.parse(row);
  }

  async findByPlatform(runtime: string, runId: string): Promise<Run | null> {
    const [row] = await this.database.query(FIND_BY_PLATFORM, [platformRun(runtime, runId)]);
    return row === undefined ? null : runRow.parse(row);
  }

  async isActive(id: string): Promise<boolean> {
    const [row] = await this.database.query('select coalesce(run_is_active($1), false) as active', [id]);
    return z.object({ active: z.boolean() }).parse(row).active;
  }

  async personOf(candidate: Person): Promise<Person> {
    const [row] = await this.database.query(PERSON, [candidate.name, candidate.commitment, candidate.salt]);
    return personRow.parse(row);
  }

  async findPerson(name: string): Promise<Person | null> {
    const [row] = await this.database.query('select name, commitment, salt from person where name = $1', [name]);
    return row === undefined ? null : personRow.parse(row);
  }
}

/** One that is used once is bound to this start, which so finds itself again: by its key, where it has one, or this very call. */
function spending({ sha256, holder, expiresAt }: AssertionUse, { id, idempotency, attested }: NewRun): Readonly<Record<string, unknown>> {
  const start = idempotency === null ? id : JSON.stringify([idempotency.key, idempotency.body, attested?.runId]);
  return { sha256, expires_at: timestamp(expiresAt), holder: holder ?? start, for_good: holder !== null };
}

/** As JSON, so that no two pairs run together into one text. */
function platformRun(runtime: string, runId: string): string {
  return JSON.stringify([runtime, runId]);
}
