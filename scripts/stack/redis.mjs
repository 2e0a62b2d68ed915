// A Redis of the stack's own, with the flags of deploy/compose.yaml, where there is one on this machine.
import { randomBytes } from 'node:crypto';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { findProgram, freePort, unprivileged } from './machine.mjs';

/** @param {string[]} flags what compose.yaml gives redis-server after its configuration file; null when no Redis is here */
export async function startRedis(processes, directory, flags) {
  const program = findProgram('redis-server');
  if (program === null) return null;
  const home = path.join(directory, 'redis');
  const config = path.join(home, 'redis.conf');
  const user = unprivileged();
  const password = randomBytes(24).toString('hex');
  await mkdir(home, { mode: 0o700 });
  await writeFile(config, `requirepass ${password}\n`, { mode: 0o600 });
  if (user !== null) for (const owned of [home, config]) await chown(owned, user.uid, user.gid);
  const port = await freePort();
  const words = [config, ...flags, '--bind', '127.0.0.1', '--port', String(port)];
  const child = processes.start('redis', program, words, { cwd: home, user });
  await processes.until('redis', child, () => answers(port, password));
  return { url: `redis://:${password}@127.0.0.1:${port}`, child };
}

/** Whether it takes the password. */
async function answers(port, password) {
  const socket = net.connect(port, '127.0.0.1');
  try {
    return await new Promise((resolve) => {
      socket.once('error', () => resolve(false));
      socket.once('data', (bytes) => resolve(bytes.toString().startsWith('+OK')));
      socket.write(`AUTH ${password}\r\n`);
    });
  } finally {
    socket.destroy();
  }
}
