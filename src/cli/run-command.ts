import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { CommandFailed } from './command-failed.js';
import type { Surroundings } from './command.js';

/** A terminal sends the first two to the command as well: it must not get them twice, since many take the second for force. */
const OF_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;
const OTHERS = ['SIGTERM', 'SIGHUP'] as const;

/** What signals to corridor become while there is a run: the command's affair, so that the run is ended whatever comes. */
export class Signals {
  #first: NodeJS.Signals | null = null;
  #child: ChildProcess | null = null;
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];

  constructor({ terminal }: Surroundings) {
    const listener = (signal: NodeJS.Signals, pass: boolean) => [signal, () => this.#take(signal, pass)] as const;
    this.#listeners = [...OF_TERMINAL.map((signal) => listener(signal, !terminal)), ...OTHERS.map((signal) => listener(signal, true))];
    for (const [signal, take] of this.#listeners) process.on(signal, take);
  }

  /** The exit code for a signal that came before there was a command. */
  get interrupted(): number | null {
    return this.#first === null ? null : 128 + constants.signals[this.#first];
  }

  passTo(child: ChildProcess): void {
    this.#child = child;
  }

  release(): void {
    for (const [signal, take] of this.#listeners) process.off(signal, take);
  }

  #take(signal: NodeJS.Signals, pass: boolean): void {
    this.#first ??= signal;
    if (pass) this.#child?.kill(signal);
  }
}

/** The command sees its own credentials, and nothing that is Corridor's: no key, no database, no secret of an upstream client. */
export async function runCommand(
  command: readonly string[],
  surroundings: Surroundings,
  settings: Readonly<Record<string, string | undefined>>,
  signals: Signals,
): Promise<number> {
  if (signals.interrupted !== null) return signals.interrupted;
  const others = Object.entries(surroundings.environment).filter(([name]) => !name.startsWith('CORRIDOR_'));
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: 'inherit', env: { ...Object.fromEntries(others), ...settings }, cwd: surroundings.directory });
  signals.passTo(child);
  return exitOf(child, file);
}

/** The exit code as a shell would say it: 127 and 126 for what cannot be started, 128 and the signal's number. */
export async function exitOf(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(
        new CommandFailed(missing ? `${file}: command not found` : `${file} cannot be started: ${error.message}`, missing ? 127 : 126),
      );
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
