import type { Database } from '../../src/store/database.js';
import { inMemoryDatabase, migrate, pooledDatabase } from '../rig/databases.js';
import { startPostgres } from '../rig/postgres.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

/** The databases that every store has the same contract on, each with a way to open an empty one. */
export const databases: readonly (readonly [string, () => Promise<Database>])[] = [
  ['PGlite', inMemoryDatabase],
  ...(postgres === null ? [] : [[`PostgreSQL ${postgres.version}`, async () => onPostgres(await postgres.freshDatabase())] as const]),
];

/** Several connections to one database, which PGlite cannot have; null where there is no PostgreSQL. */
export const manyConnections =
  postgres === null
    ? null
    : async (settings: Readonly<Record<string, string>> = {}): Promise<Database> => onPostgres(await postgres.freshDatabase(), settings);

async function onPostgres(url: string, settings: Readonly<Record<string, string>> = {}): Promise<Database> {
  await migrate(url);
  return pooledDatabase(url, 8, settings);
}
