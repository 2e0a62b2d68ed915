import { openPostgres } from '../../src/platform/postgres/open-postgres.js';
import type { Database } from '../../src/store/database.js';
import { migrate, pooledDatabase } from '../rig/databases.js';
import { startPostgres } from '../rig/postgres.js';
import { freshDatabase } from '../rig/template.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

/** The databases that every store has the same contract on, as Corridor opens them, each with a way to open an empty one. */
export const databases: readonly (readonly [string, () => Promise<Database>])[] = [
  ['the embedded database', freshDatabase],
  ...(postgres === null ? [] : [[`PostgreSQL ${postgres.version}`, async () => openPostgres(await postgres.freshDatabase())] as const]),
];

/** Several plain connections to one PostgreSQL database, set as a test wants them; null where there is none. */
export const manyConnections =
  postgres === null
    ? null
    : async (settings: Readonly<Record<string, string>> = {}): Promise<Database> => {
        const url = await postgres.freshDatabase();
        await migrate(url);
        return pooledDatabase(url, 8, settings);
      };
