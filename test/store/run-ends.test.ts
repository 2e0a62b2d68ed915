import type { Database } from '../../src/store/database.js';
import { databases } from './both-databases.js';
import { World } from './world.js';

describe.each(databases)('ending a run on %s', (_name, open) => {
  let database: Database;
  let world: World;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  it('happens once, with its entry', async () => {
    const run = await world.running();
    const ended = await world.end(run);
    expect(ended).toEqual({ verdict: 'ended', endedAt: expect.any(Number) as number, withdrawn: [] });
    expect(await world.end(run)).toEqual({ verdict: 'already', endedAt: 'endedAt' in ended ? ended.endedAt : null });
    expect(await world.rows(`select from entry where type = 'run.ended'`)).toHaveLength(1);
    expect((await world.runs.find(run))?.endedAt).toBe('endedAt' in ended ? ended.endedAt : null);
  });

  it('happens once, however many ask for it at once', async () => {
    for (let round = 0; round < 12; round++) {
      const run = await world.running();
      const ends = await Promise.all(Array.from({ length: 8 }, () => world.end(run)));
      expect(ends.map(({ verdict }) => verdict).sort()).toEqual([...Array<string>(7).fill('already'), 'ended']);
      expect(new Set(ends.map((end) => ('endedAt' in end ? end.endedAt : null))).size).toBe(1);
      expect(await world.rows(`select from entry where type = 'run.ended' and run = $1`, run)).toHaveLength(1);
    }
  });

  it('is possible when the run has expired', async () => {
    const run = await world.running();
    await world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, run);
    expect(await world.end(run)).toMatchObject({ verdict: 'ended' });
  });

  it('withdraws the live tokens of the run and of its descendants, and leaves the work of revoking them', async () => {
    const run = await world.running();
    const child = await world.running({ ancestors: [run] });
    const other = await world.running();
    const [own, ofChild, ofOther] = [
      await world.issuance({ run }),
      await world.issuance({ run: child }),
      await world.issuance({ run: other }),
    ];
    const underWay = await world.issuance({ run, state: 'open' });
    await world.issuance({ run, expiresIn: -1 });
    await world.issuance({ run, revocation: 'unsupported' });
    await world.issuance({ run, state: 'failed' });
    expect(await world.end(run)).toMatchObject({ withdrawn: [own, ofChild, underWay].sort() });
    expect([await world.revocationOf(own), await world.revocationOf(ofChild), await world.revocationOf(ofOther)]).toEqual([
      'pending',
      'pending',
      null,
    ]);
    expect(await world.work()).toEqual([own, ofChild, underWay].sort());
  });

  it('withdraws a shared token with its last holder only', async () => {
    const [first, second, gone] = [await world.running(), await world.running(), await world.running()];
    const shared = await world.issuance({ run: first, isolation: 'workflow' });
    for (const run of [first, second, gone, second]) await world.released(shared, run);
    await world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, gone);
    expect(await world.end(first)).toMatchObject({ withdrawn: [] });
    expect(await world.end(second)).toMatchObject({ withdrawn: [shared] });
    expect(await world.work()).toEqual([shared]);
  });

  it('counts a holder whose ancestor has ended as over', async () => {
    const parent = await world.running();
    const child = await world.running({ ancestors: [parent] });
    const other = await world.running();
    const shared = await world.issuance({ run: other, isolation: 'workflow' });
    for (const run of [child, other]) await world.released(shared, run);
    expect(await world.end(parent)).toMatchObject({ withdrawn: [] });
    expect(await world.end(other)).toMatchObject({ withdrawn: [shared] });
  });

  it('withdraws a shared token exactly once when all its holders end at once', async () => {
    for (let round = 0; round < 5; round++) {
      const holders = await Promise.all(Array.from({ length: 6 }, () => world.running()));
      const shared = await world.issuance({ run: holders[0] ?? '', isolation: 'workflow' });
      for (const run of holders) await world.released(shared, run);
      const ended = await Promise.all(holders.map((run) => world.end(run)));
      expect(ended.flatMap((end) => ('withdrawn' in end ? end.withdrawn : []))).toEqual([shared]);
    }
  });

  it('is due when the deadline has passed, the oldest first, and not once it has ended', async () => {
    const deadline = (run: string, seconds: number) =>
      world.rows('update run set expires_at = now() + make_interval(secs => $2) where id = $1', run, seconds);
    const [first, second, ended, running] = [await world.running(), await world.running(), await world.running(), await world.running()];
    await deadline(second, -1);
    await deadline(first, -2);
    await deadline(ended, -3);
    await deadline(running, 60);
    await world.end(ended);
    expect((await world.runs.overdue(10)).map(({ id }) => id)).toEqual([first, second]);
    expect(await world.runs.overdue(1)).toEqual([await world.runs.find(first)]);
  });

  it('leaves it to be done to end each descendant that is not over, once, and nobody else', async () => {
    const run = await world.running();
    const child = await world.running({ ancestors: [run] });
    const grandchild = await world.running({ ancestors: [child, run] });
    const [over, expired] = [await world.running({ ancestors: [run] }), await world.running({ ancestors: [run] })];
    await world.running();
    await world.end(over);
    await world.rows(`update run set expires_at = now() - interval '1 s' where id = $1`, expired);
    const orphans = async () => (await world.runs.orphaned(10)).map(({ id }) => id).sort();
    expect(await orphans()).toEqual([]);
    await world.end(run);
    expect(await orphans()).toEqual([child, grandchild].sort());
    expect(await world.runs.orphaned(1)).toHaveLength(1);
    expect(await world.end(child)).toMatchObject({ verdict: 'ended' });
    expect(await orphans()).toEqual([grandchild]);
    await world.end(grandchild);
    await world.end(grandchild);
    expect(await orphans()).toEqual([]);
    expect(await world.rows(`select from entry where type = 'run.ended'`)).toHaveLength(4);
    expect(await world.rows('select from work')).toEqual([]);
  });

  it('of a whole family at once is done for each member, and leaves nothing to be done', async () => {
    for (let round = 0; round < 5; round++) {
      const lineage = [await world.running()];
      for (let depth = 0; depth < 4; depth++) lineage.unshift(await world.running({ ancestors: lineage }));
      const ends = await Promise.all([...lineage, ...lineage].map((run) => world.end(run)));
      expect(ends.filter(({ verdict }) => verdict === 'ended')).toHaveLength(lineage.length);
      for (const run of await world.runs.orphaned(10)) expect(await world.end(run.id)).toMatchObject({ verdict: 'already' });
      expect(await world.rows('select from work')).toEqual([]);
    }
  });

  it('of a whole tree withdraws what the lowest of it holds, and lets none of it have children', async () => {
    const lineage = [await world.running()];
    for (let depth = 0; depth < 8; depth++) lineage.unshift(await world.running({ ancestors: lineage }));
    const held = await world.issuance({ run: lineage[0] ?? '' });
    expect(await world.end(lineage.at(-1) ?? '')).toMatchObject({ withdrawn: [held] });
    for (let place = 1; place < lineage.length; place++)
      expect(await world.start({ ancestors: lineage.slice(place) })).toEqual({ verdict: 'parent_over' });
    expect(await world.runs.isActive(lineage[0] ?? '')).toBe(false);
  });
});
