import { PGlite } from '@electric-sql/pglite';
import { constants } from 'node:fs';
import { cp, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes the directory of an embedded database, empty or from an image (such a directory that was closed). It is whole and on disk, or it
 * is not there: a start that was killed half-way leaves nothing that the next one would take for a database.
 */
export async function createDatabase(directory: string, image?: string): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  if (image === undefined) await initialise(unfinished);
  else await cp(image, unfinished, { recursive: true, mode: constants.COPYFILE_FICLONE });
  await settle(unfinished);
  await rename(unfinished, directory);
  await sync(path.dirname(directory));
}

async function initialise(directory: string): Promise<void> {
  const pglite = await PGlite.create(directory);
  // Nobody can connect to the templates to vacuum them, so their age would stop the database after 2^31 transactions.
  // Without them a directory is also two thirds of its size.
  await pglite.exec(`update pg_database set datistemplate = false where datname in ('template0', 'template1')`);
  await pglite.exec('drop database template0');
  await pglite.exec('drop database template1');
  await pglite.close();
}

/** initdb leaves files that anybody may read and that no sync has reached. */
async function settle(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) await settle(file);
    else await sync(file, 0o600);
  }
  await sync(directory, 0o700);
}

async function sync(file: string, mode?: number): Promise<void> {
  const handle = await open(file, 'r');
  try {
    if (mode !== undefined) await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
