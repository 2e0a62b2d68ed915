import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { migrationsFolder } from '../migrations.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { workerFile } from '../worker-file.js';
import { createDatabase } from './create-database.js';
import { PgliteDatabase } from './pglite-database.js';

export interface EmbeddedOptions {
  /** The directory of a database that was closed, to begin with where a new one must be made: faster than an empty one. */
  readonly image?: string;
  readonly migrations?: string;
}

/**
 * Opens the embedded database in `directory`, makes it if need be, and brings it up to date. The directory must belong to this process
 * alone: see openDataDirectory. @throws PlatformUnusable
 */
export async function openEmbedded(
  directory: string,
  { image, migrations = migrationsFolder() }: EmbeddedOptions = {},
): Promise<PgliteDatabase> {
  if (!existsSync(directory)) {
    if (image === undefined) await createInThread(directory);
    else await createDatabase(directory, image);
  }
  return PgliteDatabase.open({ directory, migrations });
}

function createInThread(directory: string): Promise<void> {
  const worker = new Worker(workerFile(import.meta.url, './create-worker.js'), {
    name: 'create database',
    workerData: { directory },
    env: {},
    execArgv: [],
  });
  return new Promise((resolve, reject) => {
    worker.once('error', ({ message }) => reject(new PlatformUnusable(`A database cannot be made in ${directory}: ${message}`)));
    worker.once('exit', () => resolve());
  });
}
