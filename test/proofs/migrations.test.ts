import { PGlite } from '@electric-sql/pglite';
import { jest } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PgliteMigrationTarget } from '../../src/platform/embedded/pglite-migration-target.js';
import { MigrationRefused } from '../../src/platform/migration-history.js';
import { migrate, migrationsFolder, type MigrationTarget } from '../../src/platform/migrations.js';
import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import { PostgresMigrationTarget } from '../../src/platform/postgres/postgres-migration-target.js';
import { startPostgres } from '../rig/postgres.js';

jest.setTimeout(60_000);
const server = await startPostgres();
const folders: string[] = [];

afterAll(async () => {
  await server?.stop();
  for (const folder of folders) await rm(folder, { recursive: true });
});

type Scripts = Readonly<Record<string, string>>;

const first: Scripts = {
  '1_things': 'create table thing (id int primary key, name text);',
  '2_naming': `create function naming() returns trigger language plpgsql as $$
    begin
      new.name := 'thing; ' || new.id; -- a semicolon within a body; and within a literal
      return new;
    end $$;
    create trigger naming before insert on thing for each row execute function naming();`,
};
const second: Scripts = { ...first, '3_more': `insert into thing (id) values (1); alter table thing add column more text default ';';` };

async function folderOf(scripts: Scripts): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'corridor-migrations-'));
  folders.push(folder);
  await writeFile(path.join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  for (const [name, script] of Object.entries(scripts)) {
    await mkdir(path.join(folder, name));
    await writeFile(path.join(folder, name, 'migration.sql'), script);
  }
  return folder;
}

type Opened = MigrationTarget & { close(): Promise<void> };

let empty: File | Blob;
beforeAll(async () => {
  const pglite = await PGlite.create();
  empty = await pglite.dumpDataDir('none');
  await pglite.close();
}, 60_000);

async function onPglite(): Promise<Opened> {
  const pglite = await PGlite.create({ loadDataDir: empty });
  return Object.assign(new PgliteMigrationTarget(pglite), { close: () => pglite.close() });
}

const targets: readonly (readonly [string, () => Promise<Opened>])[] = [
  ['PGlite', onPglite],
  ...(server ? [[`PostgreSQL ${server.version}`, async () => new PostgresMigrationTarget(await server.freshDatabase())] as const] : []),
];

function withoutLock(target: MigrationTarget): MigrationTarget {
  return {
    query: (sql) => target.query(sql),
    lock: () => Promise.reject(new Error('a lock was taken')),
    adapters: () => {
      throw new Error('the engine was used');
    },
  };
}

describe.each(targets)('migrations on %s', (_name, open) => {
  let target: Opened;

  beforeEach(async () => {
    target = await open();
  });

  afterEach(async () => {
    await target.close();
  });

  const tables = async (): Promise<unknown[]> =>
    (await target.query(`select tablename from pg_tables where schemaname = 'public' order by 1`)).map((row) => row.tablename);

  it('are applied in order, whole scripts with their procedures, and recorded as Prisma does', async () => {
    expect(await migrate(target, await folderOf(first))).toEqual(['1_things', '2_naming']);
    expect(await migrate(target, await folderOf(second))).toEqual(['3_more']);
    expect(await target.query('select * from thing')).toEqual([{ id: 1, name: 'thing; 1', more: ';' }]);
    const rows = await target.query(
      'select migration_name, checksum, applied_steps_count, rolled_back_at, logs from _prisma_migrations order by 1',
    );
    expect(rows).toEqual(
      Object.entries(second).map(([migration_name, script]) => ({
        migration_name,
        checksum: createHash('sha256').update(script).digest('hex'),
        applied_steps_count: 1,
        rolled_back_at: null,
        logs: null,
      })),
    );
  });

  it('are applied once: when none is lacking, neither a lock is taken nor the engine used', async () => {
    await migrate(target, await folderOf(first));
    const untouched = withoutLock(target);
    expect(await migrate(untouched, await folderOf(first))).toEqual([]);
    await expect(migrate(untouched, await folderOf(second))).rejects.toThrow('a lock was taken');
  });

  it('are applied all or none: when one fails nothing is left of those before it', async () => {
    const failing = await folderOf({ ...first, '3_wrong': 'create table other (id int); select 1 / 0;' });
    await expect(migrate(target, failing)).rejects.toThrow(MigrationRefused);
    await expect(migrate(target, failing)).rejects.toThrow(/3_wrong[^]*division by zero/);
    expect(await tables()).toEqual([]);
    expect(await migrate(target, await folderOf(first))).toEqual(['1_things', '2_naming']);
  });

  const refused: readonly (readonly [string, Scripts, RegExp])[] = [
    [
      'that the database has and this Corridor does not know',
      { '1_things': first['1_things'] ?? '' },
      /has the migration 2_naming, which this Corridor does not know/,
    ],
    [
      'that were edited after they were applied',
      { ...second, '1_things': 'create table thing (id bigint);' },
      /migration 1_things .* was edited/,
    ],
    ['that come before one that was applied', { ...first, '1_before': 'select 1;' }, /lacks the migration 1_before, but has later ones/],
  ];
  it('that only expand may be there without being known, and nothing is done then; a later Corridor goes on from them', async () => {
    const expanded = { ...first, '3_expand_more': 'alter table thing add column more text;' };
    const contracted = { ...expanded, '4_drop': 'alter table thing drop column name;' };
    await migrate(target, await folderOf(expanded));
    expect(await migrate(withoutLock(target), await folderOf(first))).toEqual([]);
    const other = { ...first, '4_mine': 'create table mine (id int);' };
    await expect(migrate(target, await folderOf(other))).rejects.toThrow(
      /has the migration 3_expand_more, which this Corridor does not know/,
    );
    await target.query(`update _prisma_migrations set finished_at = null where migration_name = '3_expand_more'`);
    await expect(migrate(target, await folderOf(first))).rejects.toThrow(/The migration 3_expand_more began in this database/);
    await target.query('update _prisma_migrations set finished_at = now()');
    expect(await migrate(target, await folderOf(contracted))).toEqual(['4_drop']);
    for (const older of [first, expanded]) {
      await expect(migrate(target, await folderOf(older))).rejects.toThrow(
        /has the migration 4_drop, which this Corridor does not know and could not work with: start the newer Corridor/,
      );
    }
  });

  it.each(refused)('%s are refused, and nothing is changed', async (_what, scripts, message) => {
    await migrate(target, await folderOf(first));
    const before = await target.query('select * from _prisma_migrations order by migration_name');
    const attempt = migrate(target, await folderOf(scripts));
    await expect(attempt).rejects.toBeInstanceOf(MigrationRefused);
    await expect(attempt).rejects.toThrow(message);
    expect(await target.query('select * from _prisma_migrations order by migration_name')).toEqual(before);
    expect(await tables()).toEqual(['_prisma_migrations', 'thing']);
  });

  it('that did not finish are refused, and nothing is changed', async () => {
    await migrate(target, await folderOf(first));
    await target.query(`update _prisma_migrations set finished_at = null where migration_name = '2_naming'`);
    await expect(migrate(target, await folderOf(second))).rejects.toThrow(
      /The migration 2_naming began in this database and did not finish/,
    );
    expect(await target.query('select * from thing')).toEqual([]);
  });

  it('of this Corridor can be applied', async () => {
    expect((await migrate(target, migrationsFolder()))[0]).toBe('20260101000000_tables');
    expect(await tables()).toContain('entry');
  });
});

if (server) {
  describe('several processes that migrate one PostgreSQL database', () => {
    it('wait for each other, and each migration is applied once', async () => {
      const url = await server.freshDatabase();
      const folder = await folderOf(second);
      const databases = await Promise.all([1, 2, 3, 4].map(() => openPostgres(url, { migrations: folder })));
      expect(databases.map(({ migrated }) => migrated.length).sort()).toEqual([0, 0, 0, 3]);
      expect(await databases[0]?.query('select id from thing')).toEqual([{ id: 1 }]);
      for (const database of databases) await database.close();
    });

    it('see no failure in migrations that another has only begun', async () => {
      const url = await server.freshDatabase();
      const [busy, waiting] = [new PostgresMigrationTarget(url), new PostgresMigrationTarget(url)];
      await migrate(busy, await folderOf(first));
      await busy.lock();
      await busy.query(`update _prisma_migrations set finished_at = null where migration_name = '2_naming'`);
      let done = false;
      const result = migrate(waiting, await folderOf(first)).finally(() => (done = true));
      await busy.query('select pg_sleep(0.3)');
      expect(done).toBe(false);
      await busy.query(`update _prisma_migrations set finished_at = now() where migration_name = '2_naming'`);
      await busy.close();
      expect(await result).toEqual([]);
      await waiting.close();
    });
  });
}
