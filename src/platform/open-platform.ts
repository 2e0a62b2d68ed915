import path from 'node:path';
import type { Settings } from '../config/settings.js';
import { AesSealer } from '../credentials/aes-sealer.js';
import type { Database } from '../store/database.js';
import { DatabaseClock } from './database-clock.js';
import { mkdir } from 'node:fs/promises';
import { openEmbedded } from './embedded/open-embedded.js';
import { ModuleDirectory } from './evaluation/module-cache.js';
import { WorkerPool } from './evaluation/worker-pool.js';
import { JournalFaultLog, JournalSecurityLog, type Journal } from './journal.js';
import { KeyFileUnusable, openLocalKeyFile } from './keys/local-key-file.js';
import { LocalSecretReferences } from './keys/secret-references.js';
import type { Platform } from './platform.js';
import { policyCompilerFolder, readManifest } from './policy-compiler/artefact.js';
import { NodePolicyCompiler } from './policy-compiler/node-policy-compiler.js';
import { SystemRandomness } from './system-randomness.js';
import { UndiciUpstreamHttp } from './upstream-http.js';

/** What Corridor stands on cannot be used: what is wrong and what to do. */
export class PlatformUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PlatformUnusable';
  }
}

/** Opens the embedded platform, or the one on PostgreSQL where CORRIDOR_DATABASE_URL is set. @throws PlatformUnusable */
export async function openPlatform(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
  journal: Journal,
): Promise<Platform> {
  const faultLog = new JournalFaultLog(journal);
  const randomness = new SystemRandomness();
  const embedded = settings.databaseUrl === null;
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of opened.splice(0).reverse()) await part.close();
  };
  try {
    const directory = { path: settings.dataDirectory };
    await mkdir(settings.dataDirectory, { recursive: true, mode: 0o700 });
    const keys = await openLocalKeyFile(path.join(directory.path, 'keys', 'seal.key'), randomness);
    const database = await openDatabase(settings, directory);
    opened.push(database);
    const clock = await DatabaseClock.start(database, (error) => faultLog.write(error));
    opened.push({ close: () => Promise.resolve(clock.stop()) });
    const http = new UndiciUpstreamHttp();
    const compiler = new NodePolicyCompiler();
    const evaluator = new WorkerPool();
    opened.push(http, compiler, evaluator);
    return {
      embedded,
      database,
      clock,
      randomness,
      sealer: new AesSealer(keys.keyEncryptionKey, randomness),
      digestKey: keys.digestKey,
      http,
      references: new LocalSecretReferences(environment, settings.secretDirectory),
      compiler,
      compilerDigest: (await readManifest(policyCompilerFolder())).sha256,
      evaluator,
      moduleCache: new ModuleDirectory(path.join(directory.path, 'cache', 'policies')),
      securityLog: new JournalSecurityLog(journal),
      faultLog,
      close,
    };
  } catch (error) {
    await close();
    if (error instanceof KeyFileUnusable) throw new PlatformUnusable(error.message, { cause: error });
    throw error;
  }
}

export async function openDatabase(settings: Settings, directory: { path: string }): Promise<Database> {
  return (await openEmbedded({ directory: path.join(directory.path, 'db') })).database;
}
