import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { openEmbedded } from '../../src/platform/embedded/open-embedded.js';
import type { PgliteDatabase } from '../../src/platform/embedded/pglite-database.js';
import { PlatformUnusable } from '../../src/platform/platform-unusable.js';
import { DatabaseUnavailable } from '../../src/store/database.js';
import { copyTemplate, freshDatabase, template } from '../rig/template.js';
import { databaseContract } from '../store/database-contract.js';

const directories: string[] = [];
const databaseDirectory = async (): Promise<string> => {
  const directory = await copyTemplate();
  directories.push(directory);
  return path.join(directory, 'db');
};

beforeAll(async () => {
  await template();
}, 120_000);

afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true, force: true });
});

describe('the embedded database', () => {
  databaseContract(freshDatabase);
});

describe('statements for the embedded database', () => {
  it('wait in a bounded number, and those beyond are refused at once', async () => {
    const database = await openEmbedded(await databaseDirectory());
    const asked = await Promise.allSettled(Array.from({ length: 4_050 }, (_, index) => database.query('select $1::int as it', [index])));
    const refused = asked.flatMap((one, index) => (one.status === 'rejected' ? [{ index, reason: one.reason as unknown }] : []));
    expect(refused.map(({ index }) => index)).toEqual(Array.from({ length: 50 }, (_, index) => 4_000 + index));
    expect(refused[0]?.reason).toEqual(new DatabaseUnavailable('Too much waits for the embedded database.'));
    expect(await database.query('select 1 as it')).toEqual([{ it: 1 }]);
    await database.close();
  }, 60_000);
});

describe('a commit of the embedded database', () => {
  let database: PgliteDatabase;

  beforeAll(async () => {
    database = await openEmbedded(await databaseDirectory());
    await database.query('create table kept (id int primary key)');
  }, 60_000);

  afterAll(async () => {
    await database.close();
  });

  it('is synced to disk before it is acknowledged', async () => {
    for (let id = 0; id < 50; id++) {
      const before = database.syncs;
      await database.query('insert into kept values ($1)', [id]);
      expect(database.syncs).toBeGreaterThan(before);
    }
  });

  it('is synced by itself also when many wait, and none is acknowledged with the sync of an earlier one', async () => {
    const before = database.syncs;
    const seen: number[] = [];
    const insert = async (id: number): Promise<void> => {
      await database.query('insert into kept values ($1)', [id]);
      seen.push(database.syncs);
    };
    await Promise.all(Array.from({ length: 50 }, (_, i) => insert(1000 + i)));
    expect(seen[0]).toBeGreaterThan(before);
    expect(seen.every((syncs, i) => i === 0 || syncs > (seen[i - 1] ?? Infinity))).toBe(true);
  });

  it('is not synced for a statement that writes nothing', async () => {
    await database.query('select count(*) from kept');
    const before = database.syncs;
    for (let i = 0; i < 10; i++) await database.query('select count(*) from kept');
    expect(database.syncs).toBe(before);
  });
});

describe('a process that is killed', () => {
  it('leaves every row behind that was acknowledged, and the directory opens again', async () => {
    const directory = await databaseDirectory();
    const writer = `
      const { openEmbedded } = await import(${JSON.stringify(path.resolve('dist/platform/embedded/open-embedded.js'))});
      const database = await openEmbedded(${JSON.stringify(directory)});
      await database.query('create table kept (id int primary key)');
      for (let id = 0; id < 4000; id++) database.query('insert into kept values ($1)', [id]).then(() => console.log(id));
    `; // all at once, so that the kill meets some in flight
    const child = spawn(process.execPath, ['--input-type=module', '--eval', writer], { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = -1;
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line);
      if (acknowledged >= 300) child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    const database = await openEmbedded(directory);
    const [kept] = await database.query('select count(*), max(id) from kept where id <= $1', [acknowledged]);
    expect(kept).toEqual({ count: acknowledged + 1, max: acknowledged });
    await database.close();
  }, 60_000);
});

describe('an embedded database that breaks', () => {
  it('acknowledges nothing from then on, and says that it is lost', async () => {
    const directory = await databaseDirectory();
    const database = await openEmbedded(directory);
    await database.query('create table kept (id int primary key)');
    await rm(path.join(directory, 'pg_wal'), { recursive: true });
    await database.query('select pg_switch_wal()').catch(() => undefined);
    const attempts = await Promise.allSettled([1, 2, 3].map((id) => database.query('insert into kept values ($1)', [id])));
    for (const attempt of attempts)
      expect(attempt).toMatchObject({ status: 'rejected', reason: expect.any(DatabaseUnavailable) as unknown });
    await expect(database.query('select 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect((await database.lost).message).toMatch(/^The embedded database is lost: .*pg_wal/);
    await database.close();
  }, 60_000);

  it('does not start, and says why', async () => {
    const directory = await databaseDirectory();
    await rm(path.join(directory, 'global', 'pg_control'));
    const start = openEmbedded(directory);
    await expect(start).rejects.toBeInstanceOf(PlatformUnusable);
    await expect(start).rejects.toThrow(/pg_control/);
  }, 60_000);
});
