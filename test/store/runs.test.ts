import { randomBytes } from 'node:crypto';
import type { Database } from '../../src/store/database.js';
import { databases } from './both-databases.js';
import { entryOf, identifier, newRun, sha256, World } from './world.js';

describe.each(databases)('runs on %s', (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  describe('starting', () => {
    it('keeps the run as it was given, with its entry, and lets the database say when it begins and ends', async () => {
      const epoch = await world.epoch();
      const run = newRun({ operator: 'sha256:cc' });
      const entry = entryOf('run.started', epoch, { run: run.id, workflow: run.workflow, owner: 'o@example.com' });
      const started = await world.runs.start(run, epoch, entry);
      if (started.verdict !== 'started') throw new Error(started.verdict);
      expect(started.expiresAt - started.startedAt).toBe(900_000);
      expect(Math.abs(started.startedAt - Date.now())).toBeLessThan(5_000);
      expect(await world.runs.find(run.id)).toEqual({
        id: run.id,
        runtime: 'ci',
        workflow: 'nightly-index',
        purpose: 'search-indexing',
        operator: { commitment: 'sha256:cc', name: '' },
        agent: run.agent,
        ancestors: [],
        credential: run.credential,
        startedAt: started.startedAt,
        expiresAt: started.expiresAt,
        endedAt: null,
      });
      expect(await world.runs.isActive(run.id)).toBe(true);
      expect(await world.rows('select id, type, run, owner from entry')).toEqual([
        { id: entry.id, type: 'run.started', run: run.id, owner: 'o@example.com' },
      ]);
    });

    it('keeps a public key, and never a private member of it', async () => {
      const publicKey = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'BB', kid: 'k1' };
      const id = await world.running({ credential: { id: 'cre1', method: 'private_key_jwt', publicKey: { ...publicKey, d: 'CC' } } });
      expect((await world.runs.find(id))?.credential).toEqual({ id: 'cre1', method: 'private_key_jwt', publicKey });
      expect(await world.rows('select credential from run')).toEqual([
        { credential: { id: 'cre1', method: 'private_key_jwt', publicKey } },
      ]);
    });

    it('knows nothing of a run that was never started', async () => {
      expect(await world.runs.find('run404')).toBeNull();
      expect(await world.runs.isActive('run404')).toBe(false);
      expect(await world.end('run404')).toEqual({ verdict: 'unknown' });
    });

    it('starts nothing when facts have changed since the caller was found entitled', async () => {
      const epoch = await world.epoch();
      await world.change({
        kind: 'policy.activated',
        digest: 'sha256:aa',
        source: { files: {}, data: {}, schemas: {} },
        activatedBy: 'key01',
      });
      const run = newRun();
      expect(await world.runs.start(run, epoch, entryOf('run.started', epoch, { run: run.id }))).toEqual({ verdict: 'stale' });
      expect(await world.runs.find(run.id)).toBeNull();
    });

    it('does not start twice when it is called again after a lost answer', async () => {
      const epoch = await world.epoch();
      const run = newRun();
      const entry = entryOf('run.started', epoch, { run: run.id });
      const first = await world.runs.start(run, epoch, entry);
      expect(await world.runs.start(run, epoch, entry)).toEqual(first);
      expect(await world.rows('select from entry where run = $1', run.id)).toHaveLength(1);
    });

    it('does not run inside a transaction of a client', async () => {
      await world.rows(`create or replace function start_in_a_transaction() returns void language plpgsql as $$
        declare v text; i text; s timestamptz; e timestamptz; w text[];
        begin call start_run('{"id":"run1"}', 'inc01', 1, '[]', v, i, s, e); end $$`);
      await world.rows(`create or replace function end_in_a_transaction() returns void language plpgsql as $$
        declare v text; e timestamptz; w text[];
        begin call end_run('run1', '[]', v, e, w); end $$`);
      for (const wrapped of ['start', 'end']) {
        await expect(world.rows(`select ${wrapped}_in_a_transaction()`)).rejects.toMatchObject({ sqlState: '2D000' });
      }
    });
  });

  describe('a child run', () => {
    it('has its ancestors, the nearest first, and ends no later than the first of them', async () => {
      const grandparent = await world.running({ ttl: 100 });
      const parent = await world.running({ ancestors: [grandparent], ttl: 5000 });
      const child = await world.running({ ancestors: [parent, grandparent], ttl: 5000 });
      const [first, last] = [await world.runs.find(grandparent), await world.runs.find(child)];
      expect(last?.ancestors).toEqual([parent, grandparent]);
      expect(last?.expiresAt).toBe(first?.expiresAt);
    });

    it('is not started under a run that has ended, has expired or is unknown', async () => {
      const ended = await world.running();
      await world.end(ended);
      const expired = await world.running();
      await world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, expired);
      for (const parent of [ended, expired, 'run404']) {
        expect(await world.start({ ancestors: [parent] })).toEqual({ verdict: 'parent_over' });
      }
      expect(await world.rows('select from run')).toHaveLength(2);
    });

    it('is over as soon as an ancestor is', async () => {
      const grandparent = await world.running();
      const parent = await world.running({ ancestors: [grandparent] });
      const child = await world.running({ ancestors: [parent, grandparent] });
      await world.end(grandparent);
      expect(await world.runs.isActive(child)).toBe(false);
      expect((await world.runs.find(child))?.endedAt).toBeNull();
    });
  });

  describe('a repeated Idempotency-Key', () => {
    const idempotency = { key: 'key01 once', body: sha256('body') };

    it('gives the same run, which then has the new credential alone, and writes no second entry', async () => {
      const first = await world.start({ idempotency });
      const credential = { id: identifier('cre'), method: 'client_secret', secretSha256: sha256('new') } as const;
      const again = await world.start({ idempotency, credential });
      expect(again).toEqual({ ...first, verdict: 'repeated' });
      if (again.verdict !== 'repeated') throw new Error();
      expect((await world.runs.find(again.run))?.credential).toEqual(credential);
      expect(await world.rows('select credential_id from run')).toEqual([{ credential_id: credential.id }]);
      expect(await world.rows('select from entry')).toHaveLength(1);
    });

    it('is a conflict with another body, and changes nothing', async () => {
      const id = await world.running({ idempotency });
      const before = await world.runs.find(id);
      expect(await world.start({ idempotency: { ...idempotency, body: sha256('other') } })).toEqual({ verdict: 'conflict' });
      expect(await world.runs.find(id)).toEqual(before);
    });

    it('says that the run is over when it or an ancestor has ended', async () => {
      const parent = await world.running();
      await world.running({ idempotency, ancestors: [parent] });
      await world.end(parent);
      expect(await world.start({ idempotency, ancestors: [parent] })).toEqual({ verdict: 'over' });
    });

    it('is free again after ten minutes', async () => {
      const old = await world.running({ idempotency });
      await world.rows(`update run set started_at = started_at - interval '10 minutes 1 second' where id = $1`, old);
      const fresh = await world.running({ idempotency: { ...idempotency, body: sha256('other') } });
      expect(fresh).not.toBe(old);
      expect(await world.rows('select id from run where idempotency_key is not null')).toEqual([{ id: fresh }]);
    });

    it('keeps its old holder when the new run cannot start', async () => {
      const old = await world.running({ idempotency });
      await world.rows(`update run set started_at = started_at - interval '11 minutes' where id = $1`, old);
      expect(await world.start({ idempotency, ancestors: ['run404'] })).toEqual({ verdict: 'parent_over' });
      expect(await world.rows('select id from run where idempotency_key is not null')).toEqual([{ id: old }]);
    });

    it('starts one run, however many come at once', async () => {
      const verdicts = await Promise.all(Array.from({ length: 12 }, () => world.start({ idempotency })));
      expect(verdicts.map(({ verdict }) => verdict).sort()).toEqual([...Array<string>(11).fill('repeated'), 'started']);
      expect(new Set(verdicts.map((started) => ('run' in started ? started.run : null))).size).toBe(1);
      expect(await world.rows('select from run')).toHaveLength(1);
    });
  });

  describe('persons', () => {
    const person = (name: string) => ({ name, commitment: `sha256:${randomBytes(32).toString('hex')}`, salt: randomBytes(16) });

    it('gives a name one commitment for good, whoever asks first', async () => {
      const candidates = Array.from({ length: 6 }, () => person('ada@example.com'));
      const kept = await Promise.all(candidates.map((candidate) => world.runs.personOf(candidate)));
      const [first] = kept;
      if (first === undefined) throw new Error();
      for (const one of kept) {
        expect([one.name, one.commitment, Buffer.from(one.salt)]).toEqual([first.name, first.commitment, Buffer.from(first.salt)]);
      }
      expect(candidates.map(({ commitment }) => commitment)).toContain(first.commitment);
    });

    it('names the operator of a run until the row is erased, and gives the name a new commitment after that', async () => {
      const ada = await world.runs.personOf(person('ada@example.com'));
      const run = await world.running({ operator: ada.commitment });
      expect((await world.runs.find(run))?.operator).toEqual({ name: 'ada@example.com', commitment: ada.commitment });
      await world.rows('delete from person');
      expect((await world.runs.find(run))?.operator).toEqual({ name: '', commitment: ada.commitment });
      expect((await world.runs.personOf(person('ada@example.com'))).commitment).not.toBe(ada.commitment);
    });
  });
});
