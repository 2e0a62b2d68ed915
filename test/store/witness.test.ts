import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LastSeen, lastSeenFile } from '../../src/platform/postgres/last-seen.js';
import type { Database } from '../../src/store/database.js';
import { databases } from './both-databases.js';
import { newKey } from './fact-change-samples.js';
import { World } from './world.js';

describe.each(databases)('what is remembered of %s once it is acknowledged, with nothing written meanwhile', (_name, open) => {
  let database: Database;
  let directory: string;
  let seen: LastSeen;
  let world: World;
  beforeAll(async () => {
    database = await open();
    directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-test-'));
  }, 60_000);
  afterAll(() => Promise.all([database.close(), rm(directory, { recursive: true })]));
  beforeEach(async () => {
    seen = await LastSeen.open(path.join(directory, lastSeenFile));
    await World.empty(database);
    world = new World(database, seen);
    seen.noteEpoch(await world.epoch());
  });

  const latest = async (): Promise<unknown> => (await world.rows('select id from entry order by number desc limit 1'))[0]?.id;
  const isHeld = () => seen.isHeldBy((sql, values) => database.query(sql, [...values]));

  it('is the epoch that a change of facts made, and its entry', async () => {
    await world.change(newKey());
    expect(seen.sight).toEqual({ ...(await world.epoch()), entry: await latest() });
    expect(await isHeld()).toBe(true);
    await world.rows('update facts set number = number - 1');
    expect(await isHeld()).toBe(false);
  });

  it('is that a run began, and that it ended', async () => {
    const run = await world.running();
    expect(seen.sight?.entry).toBe(await latest());
    await world.end(run);
    const ended = await latest();
    expect(seen.sight?.entry).toBe(ended);
    await world.end(run); // it is over already: nothing is recorded
    expect(seen.sight?.entry).toBe(ended);
    expect(await isHeld()).toBe(true);
    await world.rows('delete from entry where id = $1', ended);
    expect(await isHeld()).toBe(false);
  });
});
