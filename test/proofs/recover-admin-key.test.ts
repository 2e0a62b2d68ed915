import { cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { corridorCommand, type Finished } from '../rig/command-line.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { askAt, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';
import { copyTemplate } from '../rig/template.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

const reason = 'the pod with admin.key is gone';
const recover = (env: Readonly<Record<string, string>>): Promise<Finished> =>
  corridorCommand(['recover-admin-key', '--reason', reason], env);

async function keyIn(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'admin.key');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  return (await readFile(file, 'utf8')).trim();
}

async function recordAt(corridor: RunningCorridor, key: string): Promise<unknown> {
  return (await corridor.api('GET', '/v1/entries?type=key.created&limit=1', undefined, key)).body;
}

const recorded = {
  entries: [{ type: 'key.created', name: 'admin', roles: ['admin'], created_by: 'corridor recover-admin-key', reason }],
};

describe('a lost admin key, on the embedded database', () => {
  it('is refused another while Corridor runs, and is replaced when it is stopped', async () => {
    const dataDir = await copyTemplate();
    try {
      const first = await startCorridor({ catalogue: 'version: 1\n', dataDir });
      await rm(path.join(dataDir, 'admin.key'));
      const env = { CORRIDOR_DATA_DIR: dataDir };
      const { code, out, err } = await recover(env);
      expect({ code, out, err }).toEqual({ code: 1, out: '', err: expect.stringMatching(/^Another Corridor \(process \d+\) is using/) });
      await first.stop();

      const done = await recover(env);
      expect(done).toMatchObject({ code: 0, err: '' });
      expect(done.out).toMatch(/^A new admin key, key01\w+, lies in .*admin\.key\. It is recorded as ent01\w+\.\n$/);
      const key = await keyIn(dataDir);
      expect(key).not.toBe(first.adminKey);
      const again = await startCorridor({ catalogue: 'version: 1\n', dataDir });
      expect(await recordAt(again, key)).toMatchObject(recorded);
      // nobody said that the lost one is in wrong hands
      expect((await again.api('GET', '/v1/keys', undefined, first.adminKey)).status).toBe(200);
      await again.stop();

      expect(await recover(env)).toMatchObject({ code: 1, err: expect.stringMatching(/admin\.key holds an admin key that is in use/) });
      expect(await keyIn(dataDir)).toBe(key);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 180_000);
});

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('a lost admin key, on PostgreSQL', () => {
  it('is replaced from a new data directory while replicas serve, for whoever has the key file', async () => {
    const replicas = await Replicas.over((await postgres?.freshDatabase()) ?? '');
    const home = await mkdtemp(path.join(os.tmpdir(), 'corridor-recover-'));
    try {
      const corridor = await replicas.start();
      const run = await startRunAt(corridor, await runtimeKeyAt(corridor));
      expect((await askAt(corridor, run)).status).toBe(200);
      const [mine, strange] = [path.join(home, 'mine'), path.join(home, 'strange')];
      const env = { ...replicas.environment, CORRIDOR_DATA_DIR: strange };
      expect(await recover(env)).toMatchObject({ code: 1, err: expect.stringMatching(/sealed with another key than .*seal\.key/) });
      await expect(stat(path.join(strange, 'admin.key'))).rejects.toThrow('ENOENT');

      await mkdir(path.join(mine, 'keys'), { recursive: true });
      await cp(path.join(replicas.dataDir, 'keys/seal.key'), path.join(mine, 'keys/seal.key'));
      expect(await recover({ ...env, CORRIDOR_DATA_DIR: mine })).toMatchObject({ code: 0 });
      expect(await recordAt(corridor, await keyIn(mine))).toMatchObject(recorded);
    } finally {
      await replicas.stop();
      await rm(home, { recursive: true, force: true });
    }
  }, 180_000);
});
