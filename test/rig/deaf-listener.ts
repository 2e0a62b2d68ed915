import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { within } from '../../src/oauth/within.js';

const PATIENCE = 5_000;
/** Milliseconds in which a connection on loopback opens, or does not at all. */
const OPENS_WITHIN = 300;

/** Listens, and never looks up: it accepts nobody. */
const script = `
const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  process.stdout.write(String(server.address().port), () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

/**
 * A port at which a connection is not even refused: the queue of those that wait is full, and whoever else knocks hears nothing, as where
 * packets are dropped on the way. Null where the system does it otherwise.
 */
export async function deafListener(): Promise<{ readonly port: number; close(): void } | null> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(PATIENCE) })) as [Buffer];
  const port = Number(said.toString());
  const waiting: Socket[] = [];
  const close = (): void => {
    for (const socket of waiting) socket.destroy();
    child.kill('SIGKILL');
  };
  for (let knocks = 0; knocks < 16; knocks++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    waiting.push(socket);
    const opened = once(socket, 'connect').then(
      () => true,
      () => true,
    );
    if ((await within(OPENS_WITHIN, opened)) === null) return { port, close };
  }
  close();
  return null;
}
