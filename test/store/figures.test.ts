import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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

  it('count what is past its deadline and what nobody has touched yet, with what failed before', async () => {
    const run = await world.running();
    const late = async (table: 'run' | 'issuance', column: string, id: string, seconds: number): Promise<unknown> =>
      world.rows(`update ${table} set ${column} = now() - make_interval(secs => $2) where id = $1`, id, seconds);
    const failed = async (kind: string, subject: string, attempts: number): Promise<unknown> =>
      world.rows(
        `insert into work (id, kind, subject, due_at, attempts) values ($1, $2, $3, now() + interval '1 minute', $4)`,
        identifier('wrk'),
        kind,
        subject,
        attempts,
      );
    // none of these is late
    await world.issuance({ run, state: 'open' });
    await late('issuance', 'deadline', await world.issuance({ run, state: 'unknown' }), 700);
    await late('run', 'expires_at', await ended(), 700);
    expect(await figures.work()).toEqual([]);

    for (const seconds of [120, 60]) await late('issuance', 'deadline', await world.issuance({ run, state: 'open' }), seconds);
    const again = await world.issuance({ run, state: 'open' });
    await late('issuance', 'deadline', again, 700);
    await failed('close_intent', again, 4);
    for (const seconds of [400, 30]) await late('run', 'expires_at', await world.running(), seconds);
    expect(await figures.work()).toEqual([
      { kind: 'close_intent', waiting: 3, overdue: expect.closeTo(120, -1), attempts: 4, given_up: 0 },
      { kind: 'end_run', waiting: 2, overdue: expect.closeTo(400, -1), attempts: 0, given_up: 0 },
    ]);

    async function ended(): Promise<string> {
      const id = await world.running();
      await world.end(id);
      return id;
    }
  });

  it('count tokens that live, are served no more, and are not yet due for revocation', async () => {
    const run = await world.running();
    const kept = async (servedFor: number, row: Parameters<World['issuance']>[0] = { run }): Promise<void> => {
      const id = await world.issuance(row);
      await world.rows(
        `update issuance set sealed = '\\x00', served_until = now() + make_interval(secs => $2) where id = $1`,
        id,
        servedFor,
      );
    };
    await kept(300);
    await kept(-700, { run, expiresIn: -1 });
    await kept(-700, { run, revocation: 'unsupported' });
    await kept(-700, { run, state: 'refused' });
    expect(await figures.work()).toEqual([]);
    for (const seconds of [-350, -20]) await kept(seconds);
    expect(await figures.work()).toEqual([{ kind: 'revoke', waiting: 2, overdue: expect.closeTo(350, -1), attempts: 0, given_up: 0 }]);
  });

  it('count steps of rotations as the work that they are', async () => {
    const rotation = async (state: string, due: number, attempts: number, givenUp = false, over = false): Promise<unknown> =>
      world.rows(
        `insert into rotation (id, client, credential, replaces, state, begun_by, begun_at, due_at, attempts, given_up_at, ended_at)
         values ($1, $1, 'cre2', 'cre1', $2, 'key01', now() - interval '1 day', now() - make_interval(secs => $3), $4,
           case when $5 then now() end, case when $6 then now() end)`,
        identifier('rot'),
        state,
        due,
        attempts,
        givenUp,
        over,
      );
    await rotation('registering', 900, 0);
    await rotation('failed', 900, 20, false, true);
    expect(await figures.work()).toEqual([]);
    await rotation('proving', 500, 12);
    await rotation('overlap', -3_600, 0);
    await rotation('overlap', 900, 300, true);
    expect(await figures.work()).toEqual([{ kind: 'rotate', waiting: 2, overdue: expect.closeTo(500, -1), attempts: 12, given_up: 1 }]);
  });

  it('are counted no further than is asked for', async () => {
    const run = await world.running();
    for (let n = 0; n < 3; n++) await world.issuance({ run });
    expect(await new SqlFigures(database, 2).exposure()).toMatchObject({ live: 2 });
    await world.rows(`update issuance set state = 'open', deadline = now() - interval '1 second'`);
    expect(await new SqlFigures(database, 2).work()).toMatchObject([{ kind: 'close_intent', waiting: 2 }]);
  });

  it('are there when nothing is', async () => {
    expect(await figures.exposure()).toEqual({ live: 0, unrevocable: 0, pending: 0, open: 0, unknown: 0 });
    expect(await figures.work()).toEqual([]);
  });
});
