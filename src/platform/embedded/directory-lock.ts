import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withShortPath } from './short-path.js';

/** How long a process that has the directory, or wants it, may take to say which of the two; then it counts as having it. */
const ANSWER_WITHIN_MS = 2_000;
const LISTENING = '.sock';

/** Another process has the directory. */
export class DirectoryTaken extends Error {
  constructor(readonly pid: string) {
    super(`The process ${pid} has it.`);
    this.name = 'DirectoryTaken';
  }
}

type State = 'has' | 'wants';
type Peer = { readonly state: State; readonly pid: string } | 'gone';

/**
 * Mutual exclusion of processes over a directory, which ends with the process however it ends: the operating system closes its socket.
 *
 * Each process listens on a Unix socket with a name of its own in `folder`, and only then looks at the others. Whoever does not answer
 * a connection is gone. Of two processes at least the later sees the other, so two can never both find themselves alone; when both see
 * each other the one whose name comes first stays, and waits for the other to go. Nobody ever removes a socket that is alive, since no
 * name is used twice and a socket gets its final name only when it listens.
 */
export class DirectoryLock {
  #state: State = 'wants';

  private constructor(
    private readonly folder: string,
    private readonly name: string,
    private readonly server: net.Server,
  ) {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined); // who asked has gone again
      socket.end(`${this.#state} ${process.pid}`, () => socket.destroy());
    });
  }

  /** @throws DirectoryTaken */
  static async take(folder: string): Promise<DirectoryLock> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = randomBytes(8).toString('hex');
    const lock = new DirectoryLock(folder, name + LISTENING, await listen(folder, name));
    try {
      await rename(path.join(folder, name), path.join(folder, name + LISTENING));
      await lock.#outstay();
      lock.#state = 'has';
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async release(): Promise<void> {
    await rm(path.join(this.folder, this.name), { force: true });
    this.server.close();
    await once(this.server, 'close');
  }

  /** Returns when every other process has gone. */
  async #outstay(): Promise<void> {
    for (const other of await readdir(this.folder)) {
      if (other === this.name || !other.endsWith(LISTENING)) continue;
      for (let peer = await ask(this.folder, other); peer !== 'gone'; peer = await ask(this.folder, other)) {
        if (peer.state === 'has' || other < this.name) throw new DirectoryTaken(peer.pid);
        await delay(20);
      }
      await rm(path.join(this.folder, other), { force: true });
    }
  }
}

async function listen(folder: string, name: string): Promise<net.Server> {
  return withShortPath(folder, name + LISTENING, async (directory) => {
    const server = net.createServer();
    server.listen(path.join(directory, name));
    await once(server, 'listening');
    server.unref();
    return server;
  });
}

async function ask(folder: string, name: string): Promise<Peer> {
  return withShortPath(folder, name, async (directory) => {
    const socket = net.connect(path.join(directory, name));
    const silent = setTimeout(() => socket.destroy(), ANSWER_WITHIN_MS);
    try {
      let answer = '';
      let connected = false;
      socket.once('connect', () => (connected = true));
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
      const failure = await closed(socket);
      if (!connected && (failure === 'ECONNREFUSED' || failure === 'ENOENT')) return 'gone';
      const [, state, pid] = /^(has|wants) (\d+)$/.exec(answer) ?? [];
      return { state: state === 'wants' ? 'wants' : 'has', pid: pid ?? 'that does not answer' };
    } finally {
      clearTimeout(silent);
    }
  });
}

/** The code of the error that closed it, if one did. */
function closed(socket: net.Socket): Promise<string | null> {
  return new Promise((resolve) => {
    let failure: string | null = null;
    socket.once('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message));
    socket.once('close', () => resolve(failure));
  });
}
