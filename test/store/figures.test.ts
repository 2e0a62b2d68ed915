import type { Database } from '../../src/store/database.js';
import { SqlFigures } from '../../src/store/sql-figures.js';
import { databases } from './both-databases.js';
import { identifier, World } from './world.js';

describe.each(databases)('figures on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let figures: SqlFigures;
  beforeAll(async () => {
    database = await open();
    figures = new SqlFigures(database, 1_000);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  it('count what may still work, and nothing that is dead', async () => {
    const run = await world.running();
    await world.issuance({ run });
    await world.issuance({ run, state: 'refused', revocation: 'pending' });
    await world.issuance({ run, revocation: 'unsupported' });
    await world.issuance({ run, state: 'open' });
    await world.issuance({ run, state: 'unknown' });
    await world.issuance({ run, state: 'unknown' });
    for (const dead of [
      { expiresIn: -1 },
      { revocation: 'revoked' },
      { state: 'failed' },
      { state: 'unknown', exposedFor: -1 },
      { state: 'unknown', revocation: 'revoked' },
    ])
      await world.issuance({ run, ...dead });
    expect(await figures.exposure()).toEqual({ live: 3, unrevocable: 1, pending: 1, open: 1, unknown: 2 });
  });

  it('count work by its kind, how long the oldest has been due, and what was given up', async () => {
    const work = (kind: string, due: number, attempts: number, done = false, givenUp = false): Promise<unknown> =>
      world.rows(
        `insert into work (id, kind, subject, due_at, attempts, done_at, given_up_at)
         values ($1, $2, $1, now() - make_interval(secs => $3), $4, case when $5 then now() end, case when $6 then now() end)`,
        identifier('wrk'),
        kind,
        due,
        attempts,
        done,
        givenUp,
      );
    await work('revoke', 90, 2);
    await work('revoke', -30, 7);
    await work('revoke', 900, 1, true);
    await work('revoke', 800, 9, false, true);
    await work('end_run', -5, 0);
    const [ends, revocations] = await figures.work();
    expect(ends).toEqual({ kind: 'end_run', waiting: 1, overdue: 0, attempts: 0, given_up: 0 });
    expect(revocations).toMatchObject({ kind: 'revoke', waiting: 2, attempts: 7, given_up: 1 });
    expect(revocations?.overdue).toBeCloseTo(90, -1);
  });

  it('are counted no further than is asked for', async () => {
    const run = await world.running();
    for (let n = 0; n < 3; n++) await world.issuance({ run });
    expect(await new SqlFigures(database, 2).exposure()).toMatchObject({ live: 2 });
  });

  it('are there when nothing is', async () => {
    expect(await figures.exposure()).toEqual({ live: 0, unrevocable: 0, pending: 0, open: 0, unknown: 0 });
    expect(await figures.work()).toEqual([]);
  });
});
