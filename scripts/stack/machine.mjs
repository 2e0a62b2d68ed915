// What this machine has: programs, ports, users.
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

/** A port on loopback: the wished one where it is free. */
export async function freePort(wished = 0) {
  const server = net.createServer().listen(wished, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server.address().port;
  } catch (error) {
    if (wished === 0) throw error;
    return freePort();
  } finally {
    server.close();
  }
}
