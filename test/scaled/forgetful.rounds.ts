import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startCorridor } from '../rig/corridor.js';
import { RestartablePostgres } from './restartable-postgres.js';

describe('a replica', () => {
  it.each(['fsync', 'synchronous_commit'])(
    'refuses to start on a PostgreSQL with %s = off, and leaves nothing there',
    async (setting) => {
      const postgres = await RestartablePostgres.start([`${setting}=off`]);
      const dataDir = await mkdtemp(path.join(os.tmpdir(), 'corridor-forgetful-'));
      try {
        const env = { CORRIDOR_DATABASE_URL: await postgres.freshDatabase('forgetful') };
        await expect(startCorridor({ catalogue: 'version: 1\n', env, dataDir })).rejects.toThrow(
          new RegExp(`ended with 1\\. It said:\\nPostgreSQL runs with ${setting} = off`),
        );
        expect(await postgres.ask(`select count(*)::int as tables from pg_tables where schemaname = 'public'`, 'forgetful')).toEqual([
          { tables: 0 },
        ]);
      } finally {
        await postgres.stop();
        await rm(dataDir, { recursive: true });
      }
    },
    120_000,
  );
});
