import { migrate, migrationsFolder } from '../migrations.js';
import { PlatformUnusable } from '../platform-unusable.js';
import type { LastSeen } from './last-seen.js';
import { connectionFailure } from './checked-connection.js';
import { PostgresDatabase } from './postgres-database.js';
import { PostgresMigrationTarget } from './postgres-migration-target.js';
import { whileAway, type Patience } from './wait-for-server.js';

export interface PostgresOptions {
  readonly migrations?: string;
  /** What must still be there; absent or null: nothing. */
  readonly lastSeen?: LastSeen | null;
  /** How long a server that is away is waited for; absent: not at all. */
  readonly patience?: Patience;
}

/**
 * Opens the database of a URL and brings it up to date; a server that is too old or would forget what it acknowledges is refused, and
 * one that has lost what was seen of it.
 * @throws PlatformUnusable
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<PostgresDatabase> {
  return whileAway(() => openNow(url, options), options.patience ?? { within: 0 });
}

async function openNow(url: string, options: PostgresOptions): Promise<PostgresDatabase> {
  const database = new PostgresDatabase(url, await migratePostgres(url, options.migrations ?? migrationsFolder()), options.lastSeen);
  try {
    await database.query('select'); // on a connection that was checked
    return database;
  } catch (error) {
    await database.close();
    if (!(error instanceof Error)) throw error;
    throw new PlatformUnusable(error.message, { cause: error });
  }
}

async function migratePostgres(url: string, migrations: string): Promise<readonly string[]> {
  const target = new PostgresMigrationTarget(url);
  try {
    return await migrate(target, migrations);
  } catch (error) {
    if (error instanceof PlatformUnusable) throw error;
    throw new PlatformUnusable(`The database of CORRIDOR_DATABASE_URL cannot be used: ${connectionFailure(error)}`, { cause: error });
  } finally {
    await target.close();
  }
}
