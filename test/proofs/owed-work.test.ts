import { z } from 'zod';
import { CursorInvalid } from '../../src/attribution/entry-search.js';
import { byItself, type WorkChange } from '../../src/attribution/entry-log.js';
import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlEntryLog } from '../../src/store/sql-entry-log.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import { SqlOwedWork, workQuery } from '../../src/store/sql-owed-work.js';
import { SqlRotations } from '../../src/store/sql-rotations.js';
import type { OwedWork, WorkFilter } from '../../src/work/owed-work.js';
import { databases } from '../store/both-databases.js';
import { entryOf, identifier, World, type IssuanceRow } from '../store/world.js';

const pauses = { first: 1_000, longest: 300_000, shortest: 0 };
const any = expect.any(Number) as number;

describe.each(databases)('work that is owed, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let work: SqlOwedWork;
  let run: string;
  beforeAll(async () => {
    database = await open();
    work = new SqlOwedWork(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    run = await world.running();
  });

  /** Each owed a minute longer than the one before. */
  const since = (minutes: number) => `now() - interval '${minutes} minutes'`;

  async function toRevoke(row: Partial<IssuanceRow> = {}): Promise<string> {
    const id = await world.issuance({ run, revocation: 'pending', ...row });
    await world.rows(`update issuance set sealed = 'x' where id = $1`, id);
    await world.rows(
      `insert into work (id, kind, subject, created_at, due_at) values ($1, 'revoke', $2, ${since(5)}, now() - interval '1 second')`,
      identifier('wrk'),
      id,
    );
    return id;
  }

  async function overdueIntent(): Promise<string> {
    const id = await world.issuance({ run, state: 'open' });
    await world.rows(`update issuance set deadline = ${since(4)} where id = $1`, id);
    return id;
  }

  async function expiredRun(): Promise<string> {
    const id = await world.running();
    await world.rows(`update run set expires_at = ${since(3)} where id = $1`, id);
    return id;
  }

  async function rotation(state = 'proving', dueIn = -1): Promise<string> {
    const id = identifier('rot');
    await world.rows(
      `insert into rotation (id, client, credential, replaces, state, begun_by, begun_at, due_at, attempts, fault)
       values ($1, $2, 'cre2', 'cre1', $3, 'ada', ${since(2)}, now() + make_interval(secs => $4), 2, 'client_refused')`,
      id,
      `client of ${id}`,
      state,
      dueIn,
    );
    return id;
  }

  async function listed(filter: WorkFilter = {}): Promise<readonly OwedWork[]> {
    return (await work.list(filter)).work;
  }
  const subjects = async (filter: WorkFilter = {}) => (await listed(filter)).map(({ subject }) => subject);

  async function workOf(subject: string): Promise<OwedWork & { readonly id: string }> {
    const found = (await listed()).find((one) => one.subject === subject);
    if (found?.id == null) throw new Error(`nothing is known of ${subject}`);
    return { ...found, id: found.id };
  }

  async function change(id: string, state: WorkChange['state'], issuance: string | null = null) {
    const type = state === 'due' ? 'work.retried' : 'work.given_up';
    const entry = entryOf(type, await world.epoch());
    const [appended] = await new SqlEntryLog(database).append([
      { ...byItself(entry), effect: { kind: 'work', work: id, issuance, state } },
    ]);
    return { verdict: appended?.verdict, recorded: (await world.rows('select from entry where id = $1', entry.id)).length === 1 };
  }

  it('is listed wherever it stands, the longest owed first', async () => {
    const revocation = await toRevoke({ expiresIn: 600 });
    const [intent, expired] = [await overdueIntent(), await expiredRun()];
    const step = await rotation('overlap', 60);
    const child = await world.running({ ancestors: [run] });
    await world.end(run);
    const nothing = { attempts: 0, lastError: null, givenUpAt: null, nextAttemptAt: any, since: any };
    const nobody = { run: null, workflow: null, client: null, resource: null, livesUntil: null };
    const ofIssuance = { run, workflow: 'nightly-index', client: 'indexer', resource: 'crm', livesUntil: any };
    const all = await listed();
    expect(all.slice(0, 4)).toEqual([
      { id: expect.stringMatching(/^wrk/) as string, kind: 'revoke', subject: revocation, state: 'due', ...nothing, ...ofIssuance },
      { id: null, kind: 'close_intent', subject: intent, state: 'due', ...nothing, ...ofIssuance },
      { id: null, kind: 'end_run', subject: expired, state: 'due', ...nothing, ...nobody, run: expired, workflow: 'nightly-index' },
      {
        id: step,
        kind: 'rotate',
        subject: step,
        state: 'waiting',
        ...nothing,
        attempts: 2,
        lastError: 'client_refused',
        ...nobody,
        client: `client of ${step}`,
      },
    ]);
    // the intent was withdrawn with its run
    expect(all.slice(4).map(({ kind, subject }) => [kind, subject])).toEqual([
      ['end_run', child],
      ['revoke', intent],
    ]);
  });

  it('is none where everything is done, and none that waits for a person', async () => {
    const revoked = await toRevoke();
    await world.rows('update work set done_at = now() where subject = $1', revoked);
    await rotation('registering');
    await world.rows(`update rotation set ended_at = now(), state = 'done' where id = $1`, await rotation());
    await world.issuance({ run, state: 'open' });
    await world.end(await expiredRun());
    expect(await work.list({})).toEqual({ work: [], next: null });
    expect(await work.find((await world.rows('select id from work'))[0]?.['id'] as string)).toBeNull();
  });

  it('is found by kind and by state', async () => {
    const [due, waiting, givenUp] = [await toRevoke(), await toRevoke(), await toRevoke()];
    const intent = await overdueIntent();
    await work.postpone({ kind: 'revoke', subject: waiting }, 'server_unavailable', { ...pauses, shortest: 60_000 });
    await change((await workOf(givenUp)).id, 'given_up', givenUp);
    const step = await rotation('proving', 60);
    expect((await subjects({ kind: 'revoke' })).toSorted()).toEqual([due, waiting, givenUp].sort());
    expect(await subjects({ kind: 'close_intent' })).toEqual([intent]);
    expect(await subjects({ kind: 'rotate' })).toEqual([step]);
    expect(await subjects({ kind: 'end_run' })).toEqual([]);
    expect(await subjects({ state: 'due' })).toEqual([due, intent]);
    expect(await subjects({ state: 'waiting' })).toEqual([waiting, step]);
    expect(await subjects({ state: 'given_up' })).toEqual([givenUp]);
    expect(await subjects({ state: 'given_up', kind: 'rotate' })).toEqual([]);
  });

  it('comes in pages that give each once, also one that is tried in between', async () => {
    const all = [await toRevoke(), await toRevoke(), await toRevoke(), await overdueIntent(), await expiredRun(), await rotation()];
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await work.list({ limit: 2, ...(cursor === null ? {} : { cursor }) });
      expect(page.work).toHaveLength(2);
      seen.push(...page.work.map(({ subject }) => subject));
      cursor = page.next;
      const tried = page.work.find(({ kind }) => kind === 'close_intent');
      if (tried !== undefined) await work.postpone({ kind: 'close_intent', subject: tried.subject, since: tried.since }, 'failed', pauses);
    } while (cursor !== null);
    expect(seen.slice(0, 3).sort()).toEqual(all.slice(0, 3).sort());
    expect(seen.slice(3)).toEqual(all.slice(3));
    expect(await subjects({ limit: 5000 })).toHaveLength(6);
  });

  it('refuses a cursor that no page gave', async () => {
    for (const text of ['', 'x', '[1,"revoke"]', '[1,"other","iss01"]', '[-1,"revoke","iss01"]', '[1,"revoke","iss01 or true"]']) {
      await expect(work.list({ cursor: Buffer.from(text).toString('base64url') })).rejects.toThrow(CursorInvalid);
    }
  });

  it('waits longer after each attempt that failed, up to a bound, and at least as long as it is told', async () => {
    const orphan = await world.running({ ancestors: [run] });
    await world.end(run);
    const wait = async (subject: string) => Math.round(((await workOf(subject)).nextAttemptAt ?? 0) / 1000 - Date.now() / 1000);
    const paused: number[] = [];
    for (let attempt = 1; attempt <= 11; attempt++) {
      expect(await work.postpone({ kind: 'end_run', subject: orphan }, `fault${attempt}`, pauses)).toMatchObject({ attempts: attempt });
      paused.push(await wait(orphan));
    }
    for (const [place, seconds] of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].entries())
      expect(Math.abs((paused[place] ?? 0) - seconds)).toBeLessThan(2);
    expect(await workOf(orphan)).toMatchObject({ state: 'waiting', attempts: 11, lastError: 'fault11' });
    await work.postpone({ kind: 'end_run', subject: orphan }, 'throttled', { ...pauses, shortest: 3_000_000 });
    expect(Math.abs((await wait(orphan)) - 3000)).toBeLessThan(2);
  });

  it('counts a revocation when it is taken, so that one whose worker dies is counted too, and is not lost', async () => {
    const revocation = await toRevoke();
    const rows = new IssuanceRows(database);
    expect(await rows.takeDueRevocations(10, 30_000)).toMatchObject([{ issuance: revocation, attempts: 1 }]);
    expect(await workOf(revocation)).toMatchObject({ state: 'waiting', attempts: 1, lastError: null });
    await world.rows(`update work set due_at = now() - interval '1 second'`); // the worker died, and its time is over
    expect(await workOf(revocation)).toMatchObject({ state: 'due' });
    expect(await rows.takeDueRevocations(10, 30_000)).toMatchObject([{ issuance: revocation, attempts: 2 }]);
    expect(await work.postpone({ kind: 'revoke', subject: revocation }, 'server_unavailable', pauses)).toMatchObject({ attempts: 2 });
  });

  it('that was found without a row gets one by its first failure, owed since then, and keeps out of the way until it is due', async () => {
    const [intent, expired] = [await overdueIntent(), await expiredRun()];
    const rows = new IssuanceRows(database);
    const [open] = await rows.openPastDeadline(10);
    const [over] = await world.runs.overdue(10);
    await work.postpone({ kind: 'close_intent', subject: intent, since: open?.deadline ?? 0 }, 'not_recorded', pauses);
    await work.postpone({ kind: 'end_run', subject: expired, since: over?.expiresAt ?? 0 }, 'failed', pauses);
    expect(await workOf(intent)).toMatchObject({ state: 'waiting', since: open?.deadline, attempts: 1, lastError: 'not_recorded' });
    expect(await workOf(expired)).toMatchObject({ state: 'waiting', since: over?.expiresAt, attempts: 1 });
    expect([await rows.openPastDeadline(10), await world.runs.overdue(10), await world.runs.orphaned(10)]).toEqual([[], [], []]);
    await world.rows(`update work set due_at = now() - interval '1 second'`);
    expect(await rows.openPastDeadline(10)).toMatchObject([{ issuance: intent }]);
    // its deadline ended it, no ancestor
    expect([await world.runs.overdue(10), await world.runs.orphaned(10)]).toMatchObject([[{ id: expired }], []]);
    await world.end(expired);
    const entry = entryOf('token.unknown', await world.epoch(), { issuance: intent });
    await new SqlEntryLog(database).append([
      { ...byItself(entry), effect: { kind: 'outcome', issuance: intent, state: 'unknown', token: null } },
    ]);
    expect(await listed()).toEqual([]);
    expect(await world.rows('select from work')).toEqual([]);
  });

  it('that was given up is nobody’s to try, until it is taken up again with its whole time before it', async () => {
    const [revocation, intent, step] = [await toRevoke(), await overdueIntent(), await rotation()];
    const orphan = await world.running({ ancestors: [run] });
    const parent = await world.end(run);
    expect(parent.verdict).toBe('ended');
    const rows = new IssuanceRows(database);
    await work.postpone({ kind: 'close_intent', subject: intent }, 'not_recorded', pauses);
    await rows.takeDueRevocations(10, 0);
    const owed = (await listed()).filter(({ id, subject, kind }) => id !== null && (kind !== 'revoke' || subject === revocation));
    expect(owed.map(({ kind }) => kind).sort()).toEqual(['close_intent', 'end_run', 'revoke', 'rotate']);
    for (const { id, kind } of owed) {
      expect(await change(id ?? '', 'given_up', kind === 'revoke' ? revocation : null)).toEqual({ verdict: 'recorded', recorded: true });
      expect(await change(id ?? '', 'given_up', kind === 'revoke' ? revocation : null)).toEqual({ verdict: 'late', recorded: false });
      expect(await work.find(id ?? '')).toMatchObject({ kind, state: 'given_up', givenUpAt: any, nextAttemptAt: null });
    }
    await world.rows(`update work set due_at = now() - interval '1 second'`);
    const takenUp = async () => [
      (await rows.takeDueRevocations(10, 0)).map(({ issuance }) => issuance),
      (await rows.openPastDeadline(10)).map(({ issuance }) => issuance),
      (await world.runs.orphaned(10)).map(({ id }) => id),
      (await new SqlRotations(database).takeDue(10, 0)).map(({ id }) => id),
    ];
    expect(await takenUp()).toEqual([[], [], [], []]);
    expect(await work.postpone({ kind: 'revoke', subject: revocation }, 'late', pauses)).toBeNull();
    expect(await work.postpone({ kind: 'rotate', subject: step, state: 'proving' }, 'late', pauses)).toBeNull();
    expect(await work.givenUp()).toEqual([
      { kind: 'close_intent', client: 'indexer', workflow: null, count: 1, lastError: 'not_recorded', livesUntil: any },
      { kind: 'end_run', client: null, workflow: 'nightly-index', count: 1, lastError: null, livesUntil: null },
      { kind: 'revoke', client: 'indexer', workflow: null, count: 1, lastError: null, livesUntil: any },
      { kind: 'rotate', client: `client of ${step}`, workflow: null, count: 1, lastError: 'client_refused', livesUntil: null },
    ]);
    for (const { id, kind } of owed) {
      expect(await change(id ?? '', 'due', kind === 'revoke' ? revocation : null)).toEqual({ verdict: 'recorded', recorded: true });
      expect(await work.find(id ?? '')).toMatchObject({ kind, state: 'due', givenUpAt: null, attempts: 0 });
    }
    expect(await takenUp()).toEqual([[revocation], [intent], [orphan], [step]]);
    expect(await work.givenUp()).toEqual([]);
  });

  it('is late to be given up or taken up once it is done', async () => {
    const revocation = await toRevoke();
    const { id } = await workOf(revocation);
    const entry = entryOf('token.revoked', await world.epoch());
    const effect = { kind: 'revocation', issuance: revocation, state: 'revoked' } as const;
    await new SqlEntryLog(database).append([{ ...byItself(entry), effect }]);
    for (const state of ['given_up', 'due'] as const)
      expect(await change(id, state, revocation)).toEqual({ verdict: 'late', recorded: false });
    expect(await world.revocationOf(revocation)).toBe('revoked');
    expect(await change('wrk01nobody', 'due')).toEqual({ verdict: 'late', recorded: false });
  });

  it('that was given up stands in exposure as what it is, and ends with its token', async () => {
    const [revocation, pending] = [await toRevoke({ expiresIn: 300 }), await toRevoke()];
    const id = identifier('sus');
    const suspension = { id, kind: 'everything', target: null, reason: 'leaked image', raisedBy: 'key01', expiresAt: null } as const;
    await world.change({ kind: 'suspension.raised', suspension });
    await change((await workOf(revocation)).id, 'given_up', revocation);
    const exposure = new SqlExposure(database);
    const live = await exposure.live('everything', null, 10);
    expect(new Map(live.map(({ issuance, revocation: state }) => [issuance, state]))).toEqual(
      new Map([
        [revocation, 'given_up'],
        [pending, 'pending'],
      ]),
    );
    const followed = async () => (await exposure.ofSuspension(id, '', 10)).tokens.find(({ issuance }) => issuance === revocation);
    expect(await followed()).toMatchObject({ fate: 'given_up', attempts: 0, nextAttemptAt: null });
    await world.rows('update work set done_at = now() where subject = $1', pending);
    await world.rows(`update issuance set revocation = 'revoked' where id = $1`, pending);
    const { fates, liveUntil } = (await exposure.ofSuspension(id, '', 10)).summary;
    expect(fates).toEqual({ revoked: 1, pending: 0, given_up: 1, unsupported: 0, expired: 0, never_issued: 0 });
    expect(Math.round(((liveUntil ?? 0) - Date.now()) / 100_000)).toBe(3);
    await world.rows(`update issuance set expires_at = now() - interval '1 second' where id = $1`, revocation);
    expect(await followed()).toMatchObject({ fate: 'expired' });
    expect(await new IssuanceRows(database).wipeDead(10)).toBe(1);
    expect(await listed()).toEqual([]);
  });

  it('is read no further than it must', async () => {
    await world.rows(`insert into issuance (id, state, client, client_id, authorization_server, resource, scope, credential, cache_key, isolation, counters,
        instance, opened_at, deadline, exposed_until)
      select 'iss' || i, case when i % 1000 = 0 then 'open' else 'failed' end, 'indexer', 'corridor-indexer', 'demo', 'crm', '{}', 'cre1', 'key', 'run', '{}', 'ins',
        now(), now() - interval '1 minute', now() from generate_series(1, 20000) i`);
    await world.rows(`insert into work (id, kind, subject, created_at, due_at, done_at)
      select 'wrk' || i, 'revoke', 'iss' || i, now() - make_interval(secs => i), now(), case when i % 100 <> 0 then now() end
      from generate_series(1, 20000) i`);
    const cursor = (await work.list({ limit: 100 })).next;
    const filters: readonly WorkFilter[] = [
      {},
      { kind: 'revoke' },
      { state: 'due' },
      { kind: 'close_intent' },
      ...(cursor === null ? [] : [{ cursor }]),
    ];
    expect(filters).toHaveLength(5);
    for (const filter of filters) {
      const { sql, parameters } = workQuery(filter, 21);
      const [row] = await world.rows(`explain (analyze, format json) ${sql}`, ...parameters);
      expect({ filter, read: rowsRead(row) < 1000 }).toEqual({ filter, read: true });
    }
  });
});

const plan = z.looseObject({
  'Relation Name': z.string().optional(),
  'Actual Rows': z.number().optional(),
  'Actual Loops': z.number().optional(),
  'Rows Removed by Filter': z.number().optional(),
  get Plans() {
    return z.array(plan).optional();
  },
});

/** Of tables, by all nodes of a plan. */
function rowsRead(row: unknown): number {
  const read = (node: z.infer<typeof plan>): number => {
    const own = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0);
    const below = (node.Plans ?? []).reduce((sum, child) => sum + read(child), 0);
    return below + (node['Relation Name'] === undefined ? 0 : own * (node['Actual Loops'] ?? 1));
  };
  const [explained] = z
    .object({ 'QUERY PLAN': z.tuple([z.object({ Plan: plan })]) })
    .transform((given) => given['QUERY PLAN'])
    .parse(row);
  return read(explained.Plan);
}
