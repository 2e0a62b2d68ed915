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

  describe('an assertion that may be used again', () => {
    const later = Date.now() + 300_000;

    it('is bound to one holder, whoever is first', async () => {
      const guards = [new SqlReplayGuard(database), new SqlReplayGuard(database)];
      const uses = await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const holder = `run${index % 3}`;
          return (await guards[index % 2]?.bind('iss', 'sub', 'jti', holder, later)) === true ? holder : null;
        }),
      );
      const holders = new Set(uses.filter((holder) => holder !== null));
      expect(holders.size).toBe(1);
      expect(uses.filter((holder) => holder !== null)).toHaveLength(20);
    });

    it('shares its space with those that are used once (B42)', async () => {
      const guard = new SqlReplayGuard(database);
      expect(await guard.consume('iss', 'sub', 'once', later)).toBe(true);
      expect(await guard.bind('iss', 'sub', 'once', 'run1', later)).toBe(false);
      expect(await guard.bind('iss', 'sub', 'again', 'run1', later)).toBe(true);
      expect(await guard.consume('iss', 'sub', 'again', later)).toBe(false);
      expect(await guard.bind('iss', 'sub', 'again', 'run1', later)).toBe(true);
    });
  });
});
