import { PGlite } from '@electric-sql/pglite';
import { jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
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
const indexed: Scripts = {
  ...second,
  '4_expand_index': `-- while others write
    create index concurrently if not exists thing_name_idx on thing (name);`,
  '5_expand_notes': 'alter table thing add column notes text;',
};

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

  const indexes = (): Promise<unknown> =>
    target.query(
      `select indexrelid::regclass::text as name, indisvalid as valid from pg_index where indrelid = 'thing'::regclass and not indisprimary`,
    );

  it('that build an index while others write stand outside of any transaction, and those around them within', async () => {
    const failing = await folderOf({ ...indexed, '6_good': 'create table good (id int);', '7_wrong': 'select 1 / 0;' });
    await expect(migrate(target, failing)).rejects.toThrow(/7_wrong[^]*division by zero/);
    expect(await indexes()).toEqual([{ name: 'thing_name_idx', valid: true }]);
    expect(await tables()).toEqual(['_prisma_migrations', 'thing']);
    expect(await migrate(target, await folderOf(indexed))).toEqual(['5_expand_notes']);
  });

  it('that did not finish such an index are done again, and an older Corridor starts meanwhile', async () => {
    await migrate(target, await folderOf(second));
    await migrate(target, await folderOf({ ...second, '4_expand_index': indexed['4_expand_index'] ?? '' }));
    await target.query(`update _prisma_migrations set finished_at = null where migration_name = '4_expand_index'`);
    await target.query(`update pg_index set indisvalid = false where indexrelid = 'thing_name_idx'::regclass`);
    expect(await migrate(withoutLock(target), await folderOf(second))).toEqual([]);
    expect(await migrate(target, await folderOf(indexed))).toEqual(['4_expand_index', '5_expand_notes']);
    expect(await indexes()).toEqual([{ name: 'thing_name_idx', valid: true }]);
    expect(await migrate(withoutLock(target), await folderOf(indexed))).toEqual([]);
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
    expect(await migrate(withoutLock(target), await folderOf(first))).toEqual([]);
    await expect(migrate(target, await folderOf(expanded))).rejects.toThrow(/The migration 3_expand_more began in this database/);
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

    it('are refused when another takes longer than they wait', async () => {
      const url = await server.freshDatabase();
      const [busy, waiting] = [new PostgresMigrationTarget(url), new PostgresMigrationTarget(url, 500)];
      await busy.lock();
      await expect(migrate(waiting, await folderOf(first))).rejects.toThrow(/Another process has been migrating this database/);
      await busy.close();
      await waiting.close();
    });
  });

  describe('an index that is built while others write', () => {
    let url: string;
    /** Its snapshot is older than the index, which therefore waits for its end. */
    let reader: pg.Client;
    let onlooker: pg.Client;

    beforeEach(async () => {
      url = await server.freshDatabase();
      await openPostgres(url, { migrations: await folderOf(second) }).then((database) => database.close());
      [reader, onlooker] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
      await reader.connect();
      await onlooker.connect();
      await reader.query('begin isolation level repeatable read');
      await reader.query('select * from thing');
    });

    afterEach(async () => {
      await reader.end();
      await onlooker.end();
    });

    /** The server's process that builds the index, once it waits for those who read. */
    async function builder(): Promise<number> {
      for (;;) {
        const { rows } = await onlooker.query<{ pid: number }>(
          `select pid from pg_stat_activity where query ~ 'create index concurrently' and wait_event = 'virtualxid' and pid <> pg_backend_pid()`,
        );
        if (rows[0]) return rows[0].pid;
        await wait(50);
      }
    }

    async function start(scripts: Scripts): Promise<readonly string[]> {
      const database = await openPostgres(url, { migrations: await folderOf(scripts) });
      await database.close();
      return database.migrated;
    }

    const validity = async (): Promise<unknown> =>
      (await onlooker.query(`select indisvalid as valid from pg_index where indexrelid = to_regclass('thing_name_idx')`)).rows;

    it('is awaited by those who start meanwhile, and waits neither for them nor in vain for who reads for long', async () => {
      const both = [start(indexed), start(indexed)];
      await builder();
      expect(await start(second)).toEqual([]);
      await wait(6_000); // longer than any lock is waited for in a transaction
      await reader.query('commit');
      expect((await Promise.all(both)).map((migrated) => migrated.length).sort()).toEqual([0, 2]);
      expect(await validity()).toEqual([{ valid: true }]);
    });

    it('is built anew when the server ended it in the middle', async () => {
      const ended = start(indexed);
      const refusal = expect(ended).rejects.toThrow();
      await onlooker.query('select pg_terminate_backend($1)', [await builder()]);
      await refusal;
      await reader.query('commit');
      expect(await validity()).toEqual([{ valid: false }]);
      expect(await start(second)).toEqual([]);
      expect(await start(indexed)).toEqual(['4_expand_index', '5_expand_notes']);
      expect(await validity()).toEqual([{ valid: true }]);
    });

    it('is taken as it is when whoever asked for it was killed, and the server went on', async () => {
      const module = pathToFileURL(path.resolve('dist/platform/postgres/open-postgres.js')).href;
      const script = `const { openPostgres } = await import(${JSON.stringify(module)}); await openPostgres(...${JSON.stringify([url, { migrations: await folderOf(indexed) }])})`;
      const killed = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
      await builder();
      killed.kill('SIGKILL');
      await once(killed, 'exit');
      const next = start(indexed);
      expect(await start(second)).toEqual([]);
      await reader.query('commit');
      expect(await next).toEqual(['4_expand_index', '5_expand_notes']);
      expect(await validity()).toEqual([{ valid: true }]);
    });
  });
}
