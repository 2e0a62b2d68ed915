import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openEmbedded } from '../../src/platform/embedded/open-embedded.js';
import { PlatformUnusable } from '../../src/platform/platform-unusable.js';
import { template } from '../rig/template.js';

describe('an embedded database that is not there yet', () => {
  let folder: string;
  let image: string;

  beforeAll(async () => {
    image = path.join(await template(), 'db');
    folder = await mkdtemp(path.join(os.tmpdir(), 'corridor-embedded-'));
  }, 120_000);

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('is made whole, also where an earlier attempt was killed half-way', async () => {
    const directory = path.join(folder, 'db');
    await mkdir(path.join(folder, 'db.unfinished'));
    await writeFile(path.join(folder, 'db.unfinished', 'PG_VERSION'), '18\n');
    const database = await openEmbedded(directory, { image });
    expect(await database.query('select count(*) from entry')).toEqual([{ count: 0 }]);
    await database.close();
    expect(await readdir(folder)).toEqual(['db']);
  }, 30_000);

  it('is opened again as it was, by its owner alone', async () => {
    const directory = path.join(folder, 'db');
    const database = await openEmbedded(directory);
    expect(database.migrated).toEqual([]);
    await database.close();
    expect((await lstat(directory)).mode & 0o777).toBe(0o700);
    expect((await lstat(path.join(directory, 'PG_VERSION'))).mode & 0o777).toBe(0o600);
  }, 30_000);

  it('is not made where there is no directory for it', async () => {
    await expect(openEmbedded(path.join(folder, 'nowhere', 'db'))).rejects.toBeInstanceOf(PlatformUnusable);
  }, 30_000);
});
