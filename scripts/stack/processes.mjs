// The processes of the stack: each with a log file of its own, ended in order, the last first.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Something that a person can put right. */
export class CannotStart extends Error {}

export class Processes {
  /** @type {{ child: import('node:child_process').ChildProcess, signal: NodeJS.Signals }[]} */
  #running = [];
  #stopping = false;

  /** @param {string} logs the directory of the log files */
  constructor(logs) {
    this.logs = logs;
    // whatever ends this process, nothing of it stays
    process.once('exit', () => this.#running.forEach(({ child }) => isRunning(child) && child.kill('SIGKILL')));
  }

  logOf(name) {
    return path.join(this.logs, `${name}.log`);
  }

  /**
   * In a process group of its own, so that Ctrl-C reaches this process alone, which then ends the others in order.
   * @param {{ env?: object, cwd?: string, user?: { uid: number, gid: number } | null, signal?: NodeJS.Signals }} how
   */
  start(name, command, words, { env, cwd, user = null, signal = 'SIGTERM' } = {}) {
    if (this.#stopping) throw new CannotStart('Interrupted.');
    const log = openSync(this.logOf(name), 'a', 0o600);
    const child = spawn(command, words, { cwd, env: env ?? process.env, stdio: ['ignore', log, log], detached: true, ...user });
    closeSync(log);
    child.once('error', () => undefined); // it has no number then, and counts as ended
    this.#running.push({ child, signal });
    return child;
  }

  /** Waits until `ready` holds. @throws CannotStart with what the process said, when it ends before that or takes too long */
  async until(name, child, ready, milliseconds = 90_000) {
    for (const deadline = Date.now() + milliseconds; Date.now() < deadline && isRunning(child) && !this.#stopping; await wait(100)) {
      if (await ready()) return;
    }
    if (this.#stopping) throw new CannotStart('Interrupted.');
    const said = (await readFile(this.logOf(name), 'utf8')).split('\n').slice(-20).join('\n');
    throw new CannotStart(`${name} ${isRunning(child) ? 'was not ready in time' : 'ended'}. It said:\n${said}`);
  }

  /** Ends one in order; after thirty seconds (deploy/compose.yaml) by force, which is told. */
  async stop(child) {
    const found = this.#running.find((one) => one.child === child);
    this.#running = this.#running.filter((one) => one !== found);
    if (found === undefined || !isRunning(child)) return true;
    await end(child, found.signal, 30_000);
    return child.signalCode !== 'SIGKILL';
  }

  async stopAll() {
    this.#stopping = true;
    for (const { child } of [...this.#running].reverse()) await this.stop(child);
  }
}

/** Ends a child in order; after so many milliseconds by force. */
export async function end(child, signal, milliseconds) {
  if (!isRunning(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const patience = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  await ended;
  clearTimeout(patience);
}

export const isRunning = (child) => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
