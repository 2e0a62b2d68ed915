import { createHash } from 'node:crypto';
import { constants, cpSync, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { openEmbedded } from '../../src/platform/embedded/open-embedded.js';
import { readMigrations } from '../../src/platform/migration-history.js';
import { migrationsFolder } from '../../src/platform/migrations.js';
import { Database, type Row } from '../../src/store/database.js';

let made: Promise<string> | undefined;

/**
 * A data directory whose database is made, migrated and closed. It is made once per machine and set of migrations, and shared by all
 * processes that test: copy it, never open it.
 */
export function template(): Promise<string> {
  return (made ??= findOrMake());
}

/** A data directory of its own for one test, with a migrated database. The very first one on a machine takes some seconds. */
export async function copyTemplate(): Promise<string> {
  const source = await template();
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-test-'));
  cpSync(source, directory, { recursive: true, mode: constants.COPYFILE_FICLONE }); // faster than its asynchronous form
  return directory;
}

/** An embedded database of its own for one test; its directory goes when it is closed. */
export async function freshDatabase(): Promise<Database> {
  const directory = await copyTemplate();
  return new FreshDatabase(await openEmbedded(path.join(directory, 'db')), directory);
}

class FreshDatabase extends Database {
  constructor(
    private readonly database: Database,
    private readonly directory: string,
  ) {
    super();
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    return this.database.query(sql, parameters);
  }

  async close(): Promise<void> {
    await this.database.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function findOrMake(): Promise<string> {
  const finished = path.join(os.tmpdir(), `corridor-test-${digest()}`);
  if (existsSync(finished)) return finished;
  const draft = await mkdtemp(path.join(os.tmpdir(), 'corridor-test-'));
  const database = await openEmbedded(path.join(draft, 'db'));
  await database.close();
  await rename(draft, finished).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true }); // another process was faster
    if (!existsSync(finished)) throw error;
  });
  return finished;
}

/** Of everything that makes the directory what it is. */
function digest(): string {
  const hash = createHash('sha256');
  for (const { name, sha256 } of readMigrations(migrationsFolder())) hash.update(`${name} ${sha256}\n`);
  const pglite = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  hash.update(readFileSync(path.join(path.dirname(pglite), '..', 'package.json')));
  for (const file of ['create-database.ts', 'pglite-session.ts']) {
    hash.update(readFileSync(path.join(import.meta.dirname, '../../src/platform/embedded', file)));
  }
  return hash.digest('hex').slice(0, 16);
}
