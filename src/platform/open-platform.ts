import path from 'node:path';
import type { Settings } from '../config/settings.js';
import { AesSealer } from '../credentials/aes-sealer.js';
import type { Database } from '../store/database.js';
import { DatabaseClock } from './database-clock.js';
import { openDataDirectory, type DataDirectory } from './embedded/data-directory.js';
import { openEmbedded } from './embedded/open-embedded.js';
import { ModuleDirectory } from './evaluation/module-cache.js';
import { WorkerPool } from './evaluation/worker-pool.js';
import { JournalFaultLog, JournalSecurityLog, type Journal } from './journal.js';
import { KeyFileUnusable, openLocalKeyFile } from './keys/local-key-file.js';
import { LocalSecretReferences } from './keys/secret-references.js';
import type { Platform } from './platform.js';
import { policyCompilerFolder, readManifest } from './policy-compiler/artefact.js';
import { NodePolicyCompiler } from './policy-compiler/node-policy-compiler.js';
import { PlatformUnusable } from './platform-unusable.js';
import { FactsNotices } from './postgres/facts-notices.js';
import { LastSeen, lastSeenFile } from './postgres/last-seen.js';
import { openPostgres } from './postgres/open-postgres.js';
import type { Patience } from './postgres/wait-for-server.js';
import type { Shared, SharedKeys } from './redis/open-redis.js';
import { SystemRandomness } from './system-randomness.js';
import { UndiciUpstreamHttp } from './upstream-http.js';

/**
 * Opens the embedded platform, or the one on PostgreSQL where CORRIDOR_DATABASE_URL is set. `acknowledging`: also a database that has lost
 * what was seen of it; `signal` ends the wait for a database that is not there yet. @throws PlatformUnusable
 */
export async function openPlatform(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
  journal: Journal,
  { acknowledging = false, signal }: { acknowledging?: boolean; signal?: AbortSignal } = {},
): Promise<Platform> {
  const faultLog = new JournalFaultLog(journal);
  const randomness = new SystemRandomness();
  const embedded = settings.databaseUrl === null;
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of opened.splice(0).reverse()) await part.close();
  };
  try {
    const directory = await openDataDirectory(settings.dataDirectory, { exclusive: embedded });
    opened.push(directory);
    const keys = await openLocalKeyFile(path.join(directory.path, 'keys', 'seal.key'), randomness);
    const lastSeen = embedded || acknowledging ? null : await LastSeen.open(path.join(directory.path, lastSeenFile));
    const { database, lost } = await openDatabase(settings, directory, lastSeen, {
      within: settings.databaseWait * 1000,
      say: (why) => journal.note('info', 'waiting_for_database', { why, at_most: `${settings.databaseWait}s` }),
      ...(signal === undefined ? {} : { signal }),
    });
    opened.push(database);
    const clock = await DatabaseClock.start(database, (error) => faultLog.write(error));
    opened.push({ close: () => Promise.resolve(clock.stop()) });
    const sealer = new AesSealer(keys.keyEncryptionKey, randomness);
    const { digestKey } = keys;
    const shared = await openShared(settings, { sealer, digestKey, clock, randomness }, journal);
    if (shared !== null) opened.push(shared);
    const http = new UndiciUpstreamHttp();
    const compiler = new NodePolicyCompiler();
    const evaluator = new WorkerPool();
    opened.push(http, compiler, evaluator);
    return {
      embedded,
      database,
      clock,
      clockDrift: () => clock.drift(),
      randomness,
      sealer,
      digestKey,
      http,
      references: new LocalSecretReferences(environment, settings.secretDirectory),
      compiler,
      compilerDigest: (await readManifest(policyCompilerFolder())).sha256,
      evaluator,
      moduleCache: new ModuleDirectory(path.join(directory.path, 'cache', 'policies')),
      securityLog: new JournalSecurityLog(journal),
      faultLog,
      lastSeen,
      shared,
      listen(noticed) {
        if (settings.databaseUrl === null) return;
        shared?.notice.onFacts(noticed);
        const notices = new FactsNotices(settings.databaseUrl, noticed);
        opened.push(notices);
        void notices.start();
      },
      lost,
      close,
    };
  } catch (error) {
    await close();
    if (error instanceof KeyFileUnusable) throw new PlatformUnusable(error.message, { cause: error });
    throw error;
  }
}

/** Its drivers are many modules, and most do without them. */
async function openShared({ redisUrl }: Settings, keys: SharedKeys, journal: Journal): Promise<Shared | null> {
  if (redisUrl === null) return null;
  const { openRedis } = await import('./redis/open-redis.js');
  return openRedis(redisUrl, keys, journal);
}

/** The database, migrated and ready. */
async function openDatabase(
  settings: Settings,
  directory: DataDirectory,
  lastSeen: LastSeen | null,
  patience: Patience,
): Promise<{ database: Database; lost: Promise<Error> }> {
  if (settings.databaseUrl !== null) {
    const database = await openPostgres(settings.databaseUrl, { lastSeen, patience });
    return { database, lost: new Promise(() => undefined) };
  }
  const database = await openEmbedded(path.join(directory.path, 'db'));
  return { database, lost: database.lost };
}
