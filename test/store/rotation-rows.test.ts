import type { Database } from '../../src/store/database.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { SqlRotations } from '../../src/store/sql-rotations.js';
import { databases } from './both-databases.js';
import { identifier, World } from './world.js';

const HOUR = 3_600_000;
const pauses = { first: 1_000, longest: 300_000, shortest: 0 };

describe.each(databases)('a failed attempt at a step of a rotation, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let work: SqlOwedWork;
  let rotations: SqlRotations;

  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    work = new SqlOwedWork(database);
    rotations = new SqlRotations(database);
  });

  /** One that somebody tries to prove. */
  async function proving(): Promise<string> {
    const id = identifier('rot');
    await world.rows(
      `insert into rotation (id, client, credential, replaces, state, begun_by, begun_at, due_at, deadline)
       values ($1, 'indexer', 'cre2', 'cre1', 'proving', 'ada', now(), now() - interval '1 second', now() + interval '1 day')`,
      id,
    );
    expect(await rotations.takeDue(1, 60_000)).toMatchObject([{ id, state: 'proving' }]);
    return id;
  }

  const shift = (rotation: string) => world.change({ kind: 'rotation.shifted', rotation, overlap: HOUR });
  const row = async () => (await world.rows('select state, due_at, fault, attempts from rotation'))[0];

  it('is noted where its step was not taken', async () => {
    const id = await proving();
    await rotations.postpone(id, 'client_refused', 2_000);
    expect(await row()).toMatchObject({ state: 'proving', fault: 'client_refused' });
    expect(await work.postpone({ kind: 'rotate', subject: id, state: 'proving' }, 'failed', pauses)).toMatchObject({ attempts: 1 });
    expect(await row()).toMatchObject({ state: 'proving', fault: 'failed' });
    await shift(id);
    expect(await work.postpone({ kind: 'rotate', subject: id, state: 'overlap' }, 'not this', pauses)).toMatchObject({ attempts: 0 });
    expect(await row()).toMatchObject({ state: 'overlap', fault: 'not this' });
  });

  it('leaves the old version its overlap where somebody took the step meanwhile, or its answer was lost', async () => {
    const id = await proving();
    await shift(id);
    const shifted = await row();
    expect(await work.postpone({ kind: 'rotate', subject: id, state: 'proving' }, 'DatabaseUnavailable', pauses)).toBeNull();
    await rotations.postpone(id, 'client_refused', 2_000);
    expect(await row()).toEqual(shifted);
  });
});
