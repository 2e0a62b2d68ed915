import { readSettings } from './config/settings.js';
import { Journal } from './platform/journal.js';
import { openPlatform } from './platform/open-platform.js';

/** Brings the database up to this version, and says so. A start does the same. */
export async function migrateDatabase(environment: Readonly<Record<string, string | undefined>>, directory: string): Promise<string> {
  const settings = readSettings(environment, directory);
  const platform = await openPlatform(settings, environment, new Journal((line) => process.stderr.write(line)));
  await platform.close();
  return platform.embedded ? `The database in ${settings.dataDirectory} is up to date.` : 'The database is up to date.';
}
