import { useOf, type AssertionUse } from '../../src/runs/replay-guard.js';
import type { Attested } from '../../src/runs/run.js';
import type { NewRun, StartedRun } from '../../src/runs/run-store.js';
import type { Database } from '../../src/store/database.js';
import { SqlReplayGuard } from '../../src/store/sql-replay-guard.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { databases } from './both-databases.js';
import { entryOf, identifier, newRun, sha256, World } from './world.js';

const attested: Attested = {
  issuer: 'https://platform.example',
  runId: '4711-1',
  claims: { repository: 'acme/indexer', attempt: 1, main: true },
};
const direct = (more: Partial<NewRun> = {}): Partial<NewRun> => ({ attested, credential: { id: 'ci', method: 'workload' }, ...more });
const exchanged = (secret: string, more: Partial<NewRun> = {}): Partial<NewRun> => ({
  attested,
  credential: { id: identifier('cre'), method: 'client_secret', secretSha256: sha256(secret) },
  ...more,
});
const runOf = (started: StartedRun): string | null => ('run' in started ? started.run : null);

describe.each(databases)("a platform's own run on %s", (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  it('is kept with what was attested, and found by its runtime and its id there', async () => {
    const id = await world.running(direct());
    expect((await world.runs.find(id))?.attested).toEqual(attested);
    expect((await world.runs.findByPlatform('ci', '4711-1'))?.id).toBe(id);
    expect(await world.runs.findByPlatform('other', '4711-1')).toBeNull();
    expect(await world.runs.findByPlatform('ci', '4711')).toBeNull();
    expect((await world.runs.find(await world.running()))?.attested).toBeUndefined();
  });

  it('is opened once by 50 that come at once, with one entry', async () => {
    const stores = [new SqlRuns(database), new SqlRuns(database), new SqlRuns(database)];
    const epoch = await world.epoch();
    const started = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const run = newRun(direct());
        const entry = entryOf('run.started', epoch, { run: run.id });
        return (stores[index % 3] ?? world.runs).start(run, epoch, entry);
      }),
    );
    expect(started.map(({ verdict }) => verdict).sort()).toEqual([...Array<string>(49).fill('repeated'), 'started']);
    expect(new Set(started.map(runOf)).size).toBe(1);
    expect(await world.rows('select from run')).toHaveLength(1);
    expect(await world.rows('select from entry')).toHaveLength(1);
  });

  it('is not opened twice when an answer was lost', async () => {
    const epoch = await world.epoch();
    const run = newRun(direct());
    const entry = entryOf('run.started', epoch, { run: run.id });
    const first = await world.runs.start(run, epoch, entry);
    expect(await world.runs.start(run, epoch, entry)).toEqual(first);
    expect(await world.rows('select from entry')).toHaveLength(1);
  });

  it('is another under another runtime', async () => {
    const one = await world.running(direct());
    expect(await world.running(direct({ runtime: 'other' }))).not.toBe(one);
  });

  it.each([
    ['has ended', (run: string) => world.end(run)],
    ['has expired', (run: string) => world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, run)],
  ])('is never opened again when it %s (B41)', async (_title, finish) => {
    const run = await world.running(direct());
    await finish(run);
    for (const again of [direct(), exchanged('s'), direct({ workflow: 'release' })]) {
      expect(await world.start(again)).toEqual({ verdict: 'over' });
    }
    // not in ten minutes either, nor in a year
    await world.rows(`update run set started_at = started_at - interval '1 year'`);
    expect(await world.start(direct())).toEqual({ verdict: 'over' });
    expect(await world.rows('select from run')).toHaveLength(1);
  });

  it('is not shared with what differs in anything', async () => {
    const others: readonly (readonly [string, Partial<NewRun>])[] = [
      ['another workflow', direct({ workflow: 'release' })],
      ['another purpose', direct({ purpose: 'planning' })],
      ['another agent', direct({ agent: { name: 'other', version: '1', model: 'none' } })],
      ['another operator', direct({ operator: 'sha256:cc' })],
      ['other claims', direct({ attested: { ...attested, claims: { ...attested.claims, main: false } } })],
      ['fewer claims', direct({ attested: { ...attested, claims: {} } })],
      ['another issuer', direct({ attested: { ...attested, issuer: 'https://other.example' } })],
      ['a credential of its own', exchanged('s')],
    ];
    const run = await world.running(direct());
    const before = await world.runs.find(run);
    for (const [what, other] of others) expect([what, await world.start(other)]).toEqual([what, { verdict: 'conflict' }]);
    expect(await world.runs.find(run)).toEqual(before);
  });

  it('has the newest credential alone when it is exchanged again, under the same parent', async () => {
    const parent = await world.running();
    const run = await world.running(exchanged('one', { ancestors: [parent] }));
    const again = exchanged('two', { ancestors: [parent], ttl: 5 });
    expect(await world.start(again)).toMatchObject({ verdict: 'repeated', run });
    expect((await world.runs.find(run))?.credential).toEqual(again.credential);
    expect(await world.start(exchanged('three'))).toEqual({ verdict: 'conflict' });
  });

  it('is not opened on facts that have changed, nor under a parent that is over', async () => {
    const epoch = { ...(await world.epoch()), number: 99 };
    const run = newRun(direct());
    expect(await world.runs.start(run, epoch, entryOf('run.started', epoch))).toEqual({ verdict: 'stale' });
    expect(await world.start(direct({ ancestors: ['run404'] }))).toEqual({ verdict: 'parent_over' });
    expect(await world.start(direct())).toMatchObject({ verdict: 'started' });
  });

  describe('the assertion that starts it', () => {
    const later = Date.now() + 300_000;
    const use = useOf(['iss', 'sub', 'jti'], later);
    const build = (runId: string): Partial<NewRun> => ({ attested: { ...attested, runId } });
    const isSpent = async (): Promise<boolean> => (await world.rows('select from assertion_seen')).length === 1;

    it('is spent by that, for every other start and everywhere (B33, B42)', async () => {
      await world.running(direct({ spends: use }));
      for (const other of [direct({ spends: use }), exchanged('s', { spends: use }), direct({ ...build('2'), spends: use })])
        expect(await world.start(other)).toEqual({ verdict: 'spent' });
      expect(await new SqlReplayGuard(database).spend(use)).toBe(false);
      expect(await world.rows('select from run')).toHaveLength(1);
      expect(await world.rows('select from entry')).toHaveLength(1);
    });

    it('starts nothing when it was spent before', async () => {
      await new SqlReplayGuard(database).spend(use);
      expect(await world.start(direct({ spends: use }))).toEqual({ verdict: 'spent' });
      expect(await world.rows('select from run')).toEqual([]);
    });

    it('is spent by one of 50 starts at once, of as many runs (B34)', async () => {
      const started = await Promise.all(
        Array.from({ length: 50 }, (_, index) => world.start(direct({ ...build(String(index)), spends: use }))),
      );
      expect(started.map(({ verdict }) => verdict).sort()).toEqual([...Array<string>(49).fill('spent'), 'started']);
      expect(await world.rows('select from run')).toHaveLength(1);
    });

    it('is not spent by what starts nothing', async () => {
      const epoch = { ...(await world.epoch()), number: 99 };
      const stale = newRun(direct({ spends: use }));
      expect(await world.runs.start(stale, epoch, entryOf('run.started', epoch))).toEqual({ verdict: 'stale' });
      expect(await world.start(direct({ ancestors: ['run404'], spends: use }))).toEqual({ verdict: 'parent_over' });
      const over = await world.running(direct(build('over')));
      await world.end(over);
      expect(await world.start(direct({ ...build('over'), spends: use }))).toEqual({ verdict: 'over' });
      await world.running(direct(build('other')));
      expect(await world.start(exchanged('s', { ...build('other'), spends: use }))).toEqual({ verdict: 'conflict' });
      expect(await isSpent()).toBe(false);
      expect(await world.start(direct({ spends: use }))).toMatchObject({ verdict: 'started' });
      expect(await isSpent()).toBe(true);
    });

    it.each([
      ['starts', 'started', () => Promise.resolve()],
      ['finds', 'repeated', () => world.running(exchanged('first'))],
    ])('finds its own start again when the answer was lost of one that %s the run', async (_title, verdict, before) => {
      await before();
      const epoch = await world.epoch();
      const run = newRun(exchanged('s', { spends: use }));
      const entry = entryOf('run.started', epoch, { run: run.id });
      const first = await world.runs.start(run, epoch, entry);
      expect(first).toMatchObject({ verdict });
      expect(await world.runs.start(run, epoch, entry)).toEqual(first);
      expect((await world.runs.find(runOf(first) ?? ''))?.credential).toEqual(run.credential);
    });

    it('may be used again by its holder', async () => {
      const again: AssertionUse = useOf(['iss', 'sub', 'again'], later, '["ci","4711-1"]');
      const run = await world.running(direct({ spends: again }));
      await world.rows(`update assertion_seen set seen_at = seen_at - interval '11 minutes'`);
      expect(await world.start(direct({ spends: again }))).toMatchObject({ verdict: 'repeated', run });
      expect(await new SqlReplayGuard(database).spend(again)).toBe(true);
      expect(await world.start(direct({ ...build('2'), spends: { ...again, holder: '["ci","2"]' } }))).toEqual({ verdict: 'spent' });
    });

    describe('with a key that names it too', () => {
      const keyed = (secret: string, more: Partial<NewRun> = {}): Partial<NewRun> =>
        exchanged(secret, { spends: use, idempotency: { key: 'ci nightly of it', body: 'aa' }, ...more });

      it('gives the run that it started again, with a new secret', async () => {
        const run = await world.running(keyed('one'));
        const again = keyed('two');
        expect(await world.start(again)).toMatchObject({ verdict: 'repeated', run });
        expect((await world.runs.find(run))?.credential).toEqual(again.credential);
        expect(await world.rows('select from entry')).toHaveLength(1);
      });

      it('gives the run that it found again, with a new secret', async () => {
        const run = await world.running(exchanged('of another job'));
        expect(await world.start(keyed('one'))).toMatchObject({ verdict: 'repeated', run });
        const again = keyed('two');
        expect(await world.start(again)).toMatchObject({ verdict: 'repeated', run });
        expect((await world.runs.find(run))?.credential).toEqual(again.credential);
        expect(await world.start(keyed('three', { idempotency: { key: 'ci nightly of it', body: 'bb' } }))).toEqual({ verdict: 'spent' });
      });

      it.each([
        ['another key', { idempotency: { key: 'ci weekly of it', body: 'aa' } }],
        ['no key', { idempotency: null }],
        ['another body', { idempotency: { key: 'ci nightly of it', body: 'bb' } }],
        ['other claims for another run', build('2')],
      ])('is spent for %s (B33)', async (_title, other) => {
        const run = await world.running(keyed('one'));
        const before = await world.runs.find(run);
        expect(await world.start(keyed('two', other))).toEqual({ verdict: 'spent' });
        expect(await world.runs.find(run)).toEqual(before);
      });

      it('is spent ten minutes later, and where it was used without it', async () => {
        await world.running(keyed('one'));
        await world.rows(`update assertion_seen set seen_at = seen_at - interval '11 minutes'`);
        expect(await world.start(keyed('two'))).toEqual({ verdict: 'spent' });
        const elsewhere = useOf(['iss', 'sub', 'elsewhere'], later);
        await new SqlReplayGuard(database).spend(elsewhere);
        expect(await world.start(keyed('s', { ...build('2'), spends: elsewhere }))).toEqual({ verdict: 'spent' });
      });
    });
  });

  describe('an assertion that may be used again', () => {
    const later = Date.now() + 300_000;

    it('is bound to one holder, whoever is first', async () => {
      const name = ['iss', 'sub', 'jti'] as const;
      const guards = [new SqlReplayGuard(database), new SqlReplayGuard(database)];
      const uses = await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const holder = `run${index % 3}`;
          return (await guards[index % 2]?.spend(useOf(name, later, holder))) === true ? holder : null;
        }),
      );
      const holders = new Set(uses.filter((holder) => holder !== null));
      expect(holders.size).toBe(1);
      expect(uses.filter((holder) => holder !== null)).toHaveLength(20);
    });

    it('shares its space with those that are used once (B42)', async () => {
      const guard = new SqlReplayGuard(database);
      const spend = (jti: string, holder: string | null): Promise<boolean> => guard.spend(useOf(['iss', 'sub', jti], later, holder));
      expect(await spend('once', null)).toBe(true);
      expect(await spend('once', 'run1')).toBe(false);
      expect(await spend('again', 'run1')).toBe(true);
      expect(await spend('again', null)).toBe(false);
      expect(await spend('again', 'run1')).toBe(true);
    });
  });
});
