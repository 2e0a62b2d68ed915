import net from 'node:net';
import { once } from 'node:events';
import pg from 'pg';
import { PlatformUnusable } from '../../src/platform/platform-unusable.js';
import { unfit } from '../../src/platform/postgres/checked-connection.js';
import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import { PostgresDatabase } from '../../src/platform/postgres/postgres-database.js';
import { DatabaseUnavailable, StatementRefused } from '../../src/store/database.js';
import { awake } from '../rig/awake.js';
import { freePort } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { databaseContract } from '../store/database-contract.js';

const server = await startPostgres();

afterAll(async () => {
  await server?.stop();
});

const fit = { version: 15, version_name: '15.4', fsync: true, synchronous_commit: true, standby: false };

describe('a PostgreSQL server', () => {
  it('is fit to use from version 15 on, when it keeps what it acknowledges', () => {
    expect(unfit(fit)).toBeNull();
    expect(unfit({ ...fit, version: 18 })).toBeNull();
  });

  it('is refused when it is too old', () => {
    expect(unfit({ ...fit, version: 14, version_name: '14.9' })).toEqual(
      new PlatformUnusable('Corridor needs PostgreSQL 15 or later; the server of CORRIDOR_DATABASE_URL is 14.9.'),
    );
  });

  it('is refused when it would forget what it acknowledged', () => {
    expect(unfit({ ...fit, fsync: false })).toBeInstanceOf(PlatformUnusable);
    expect(unfit({ ...fit, synchronous_commit: false })).toBeInstanceOf(PlatformUnusable);
  });

  it('is unavailable while it is a standby', () => {
    expect(unfit({ ...fit, standby: true })).toBeInstanceOf(DatabaseUnavailable);
  });

  it('that cannot be reached stops the start, with its address', async () => {
    const port = await freePort();
    const start = openPostgres(`postgresql://someone:s3cret@127.0.0.1:${port}/corridor`);
    await expect(start).rejects.toBeInstanceOf(PlatformUnusable);
    await expect(start).rejects.toThrow(`ECONNREFUSED 127.0.0.1:${port}`);
    await expect(start).rejects.not.toThrow('s3cret');
  });

  it('that accepts connections and says nothing is unavailable after five seconds', async () => {
    const silent = net.createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as net.AddressInfo;
    const database = new PostgresDatabase(`postgresql://someone@127.0.0.1:${port}/corridor`, []);
    const began = awake();
    const waiting = Promise.allSettled(Array.from({ length: 1_010 }, () => database.query('select 1')));
    await expect(database.query('select 1')).rejects.toThrow('Too much waits for a connection');
    expect(awake() - began).toBeLessThan(4_000);
    expect((await waiting).filter((one) => one.status === 'fulfilled' || !(one.reason instanceof DatabaseUnavailable))).toEqual([]);
    expect(awake() - began).toBeLessThan(8_000);
    await database.close();
    silent.close();
  }, 60_000);
});

if (server) {
  describe(`PostgreSQL ${server.version}`, () => {
    databaseContract(async () => openPostgres(await server.freshDatabase()));
  });

  describe('the connections to PostgreSQL', () => {
    let url: string;
    let database: PostgresDatabase;
    let administrator: pg.Client;

    beforeAll(async () => {
      url = await server.freshDatabase();
      database = await openPostgres(url);
      administrator = new pg.Client({ connectionString: url });
      await administrator.connect();
    }, 30_000);

    afterAll(async () => {
      await administrator.end();
      await database.close();
    });

    it('cannot hold others up for long, whatever the defaults of the role are', async () => {
      await administrator.query(`alter role current_user set statement_timeout = '1h'`);
      const another = await openPostgres(url);
      const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'application_name'];
      const rows = await another.query('select name, current_setting(name) as value from unnest($1::text[]) name', [names]);
      expect(rows.map((row) => row.value)).toEqual(['40s', '5s', '5s', 'corridor']);
      await another.close();
      await administrator.query('alter role current_user reset statement_timeout');
    });

    it('give up a lock that they wait for', async () => {
      await administrator.query('create table contended (id int)');
      await administrator.query('begin');
      await administrator.query('lock table contended');
      const waiting = database.query('select * from contended').catch((error: unknown) => error);
      expect(await waiting).toMatchObject({ name: 'StatementRefused', sqlState: '55P03' } satisfies Partial<StatementRefused>);
      await administrator.query('rollback');
    }, 15_000);

    it('are lost aloud when the server ends them, and replaced', async () => {
      const sleeping = database.query('select pg_sleep(30)').catch((error: unknown) => error);
      while ((await end(`query like 'select pg_sleep%'`)) === 0);
      expect(await sleeping).toBeInstanceOf(DatabaseUnavailable);
      await Promise.all([1, 2, 3].map(() => database.query('select pg_sleep(0.1)')));
      expect(await end(`state = 'idle'`)).toBe(3);
      await untilAvailable();
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    }, 15_000);

    it('are not made to a server that may forget what it acknowledged', async () => {
      const name = new URL(url).pathname.slice(1);
      await administrator.query(`alter database ${name} set synchronous_commit = off`);
      await end('true');
      await expect(openPostgres(url)).rejects.toThrow(/synchronous_commit = off/);
      await expect(untilAvailable()).rejects.toThrow(/synchronous_commit = off/);
      await administrator.query(`alter database ${name} reset synchronous_commit`);
      expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
    });

    /** Ends connections of Corridor as an administrator does, and says how many. */
    async function end(which: string): Promise<number> {
      const { rows } = await administrator.query<{ count: string }>(
        `select count(pg_terminate_backend(pid)) from pg_stat_activity
          where application_name = 'corridor' and datname = current_database() and ${which}`,
      );
      return Number(rows[0]?.count);
    }

    /** A connection that was ended while nobody used it may be noticed by the statement that takes it. */
    async function untilAvailable(): Promise<void> {
      for (let ended = 0; ended < 3; ended++) {
        try {
          await database.query('select 1');
          return;
        } catch (error) {
          if (!/terminat|closed|not queryable/.test(String(error))) throw error;
        }
      }
    }
  });
}
