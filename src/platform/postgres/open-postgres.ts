import { migrate, migrationsFolder } from '../migrations.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { connectionFailure } from './checked-connection.js';
import { PostgresDatabase } from './postgres-database.js';
import { PostgresMigrationTarget } from './postgres-migration-target.js';

/**
 * Opens the database of a URL and brings it up to date; a server that is too old or would forget what it acknowledges is refused.
 * @throws PlatformUnusable
 */
export async function openPostgres(url: string, { migrations = migrationsFolder() } = {}): Promise<PostgresDatabase> {
  const target = new PostgresMigrationTarget(url);
  try {
    return new PostgresDatabase(url, await migrate(target, migrations));
  } catch (error) {
    if (error instanceof PlatformUnusable) throw error;
    throw new PlatformUnusable(`The database of CORRIDOR_DATABASE_URL cannot be used: ${connectionFailure(error)}`, { cause: error });
  } finally {
    await target.close();
  }
}
