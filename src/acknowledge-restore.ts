import path from 'node:path';
import { EntryMaker } from './attribution/entry.js';
import { readSettings } from './config/settings.js';
import { newIdentifier } from './oauth/identifier.js';
import { Journal } from './platform/journal.js';
import { openPlatform } from './platform/open-platform.js';
import { PlatformUnusable } from './platform/platform-unusable.js';
import { LastSeen, lastSeenFile } from './platform/postgres/last-seen.js';
import { SqlIncarnations } from './store/sql-incarnations.js';

/**
 * After a database was put back from a backup, or a standby that was behind took over: whoever answers for it says that what is missing
 * is lost. A new incarnation begins with an entry that says what was seen last, and Corridor releases tokens again.
 * @throws PlatformUnusable when nothing is missing
 */
export async function acknowledgeRestore(
  environment: Readonly<Record<string, string | undefined>>,
  directory: string,
  reason: string,
): Promise<string> {
  const settings = readSettings(environment, directory);
  if (settings.databaseUrl === null) {
    throw new PlatformUnusable('The embedded database lies in the data directory: what is restored with it cannot be told apart.');
  }
  const journal = new Journal((line) => process.stderr.write(line));
  const platform = await openPlatform(settings, environment, journal, { acknowledging: true });
  try {
    const lastSeen = await LastSeen.open(path.join(settings.dataDirectory, lastSeenFile));
    const { sight } = lastSeen;
    if (sight === null || (await lastSeen.isHeldBy((sql, values) => platform.database.query(sql, values)))) {
      throw new PlatformUnusable('The database holds everything that this Corridor has seen of it: there is no loss to acknowledge.');
    }
    const now = platform.clock.now();
    const incarnation = newIdentifier('inc', now, platform.randomness);
    const entries = new EntryMaker(newIdentifier('ins', now, platform.randomness), platform.clock, platform.randomness);
    const epoch = { incarnation, number: 1 };
    const seen = { epoch: `${sight.incarnation}:${sight.number}`, ...(sight.entry === null ? {} : { entry: sight.entry }) };
    await new SqlIncarnations(platform.database).start(
      incarnation,
      [sight.incarnation],
      entries.make('log.restored', epoch, { reason, seen }),
    );
    lastSeen.noteEpoch(epoch);
    await lastSeen.save();
    return `The loss is acknowledged, and recorded. A new incarnation has begun: ${incarnation}:1. Corridor releases tokens again.`;
  } finally {
    await platform.close();
  }
}
