import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Housekeeping } from '../../src/platform/embedded/housekeeping.js';
import { PgliteSession } from '../../src/platform/embedded/pglite-session.js';
import { rowsOf } from '../../src/platform/text-table.js';
import type { Row } from '../../src/store/database.js';
import { copyTemplate } from '../rig/template.js';

describe('the housekeeping of the embedded database', () => {
  let directory: string;
  let session: PgliteSession;
  let statements: string[];
  let housekeeping: Housekeeping;

  beforeAll(async () => {
    directory = await copyTemplate();
    session = await PgliteSession.open(path.join(directory, 'db'), (reason) => {
      throw new Error(reason);
    });
    await session.run('create table thing (id int primary key, text text)', []);
  }, 120_000);

  afterAll(async () => {
    await session.close();
    await rm(directory, { recursive: true });
  });

  beforeEach(() => {
    statements = [];
    housekeeping = new Housekeeping((sql) => {
      statements.push(sql);
      return session.run(sql, []);
    });
  });

  const one = async (sql: string): Promise<Row | undefined> => rowsOf(await session.run(sql, []))[0];
  const minuteOfWork = async (): Promise<void> => {
    for (let second = 0; second < 60; second++) {
      housekeeping.ran();
      await housekeeping.step();
    }
  };

  it('does nothing while nothing happens', async () => {
    for (let second = 0; second < 100; second++) await housekeeping.step();
    expect(statements).toEqual([]);
  });

  it('makes a checkpoint when much was written, so that the log does not grow for ever', async () => {
    const log = 'select pg_current_wal_lsn() - redo_lsn as bytes from pg_control_checkpoint()';
    await session.run(`insert into thing select i, repeat(md5(i::text), 50) from generate_series(1, 20000) i`, []);
    for (let i = 0; Number((await one(log))?.bytes) < 65 * 1024 * 1024; i++) await session.run(`update thing set text = text || ${i}`, []);
    await session.run('select pg_stat_force_next_flush()', []); // else a second may pass before it is counted
    housekeeping.ran();
    await housekeeping.step();
    // frozen before it, while its pages are in the log anyhow
    expect(statements.slice(-2)).toEqual(['vacuum (freeze) public.thing', 'checkpoint']);
    expect(Number((await one(log))?.bytes)).toBeLessThan(1_000_000);
  }, 60_000);

  it('frees what was deleted, and tells the planner what there is', async () => {
    await session.run('delete from thing where id % 4 <> 0', []);
    await session.run('select pg_stat_force_next_flush()', []); // else a second may pass before it is counted
    const dead = await one(`select n_dead_tup from pg_stat_user_tables where relname = 'thing'`);
    expect(Number(dead?.n_dead_tup)).toBe(15_000);
    await minuteOfWork();
    await session.run('select pg_stat_force_next_flush()', []);
    expect(statements).toContain('vacuum (freeze) public.thing');
    expect(statements).toContain('analyze public.thing');
    const after = await one(`select n_dead_tup, n_mod_since_analyze from pg_stat_user_tables where relname = 'thing'`);
    expect(after).toEqual({ n_dead_tup: 0, n_mod_since_analyze: 0 });
    expect((await one(`select reltuples from pg_class where relname = 'thing'`))?.reltuples).toBe(5_000);
  }, 60_000);

  it('leaves no other database whose age nobody can stop', async () => {
    expect(await one('select count(*) from pg_database')).toEqual({ count: 1 });
  });

  it('goes on when a step fails', async () => {
    const failing = new Housekeeping(() => Promise.reject(new Error('the disk is full')));
    failing.ran();
    await failing.step();
  });
});
