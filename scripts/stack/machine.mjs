// What this machine has: programs, ports, users.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { CannotStart } from './processes.mjs';

/** Where on the PATH a program lies, or null. */
export function findProgram(name) {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // the next folder
    }
  }
  return null;
}

/** A user for what refuses to run as root, or null where this is not root. */
export function unprivileged() {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) throw new CannotStart('PostgreSQL does not run as root, and there is neither a user postgres nor nobody.');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

const given = new Set();

/**
 * A port on loopback that is given to nobody else: the wished one where it is free, or one below those that the system gives to whoever
 * asks for any, so that it is still free for the process that is started with it, and above those of the tests, which may run beside it.
 */
export async function freePort(wished = randomInt(31_000, 32_700)) {
  if (given.has(wished)) return freePort();
  given.add(wished); // before anything is awaited: others may draw meanwhile
  const server = net.createServer().listen(wished, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    return freePort();
  }
  server.close();
  await once(server, 'close');
  return wished;
}
