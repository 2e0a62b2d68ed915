import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly out: () => string;
  /** When it has ended and all that it printed was read. */
  readonly finished: Promise<Finished>;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly input?: string;
}

export const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');

/** Starts `corridor …` as a person would, with nothing of the surroundings but what is given. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: CommandOptions = {},
): RunningCommand {
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: options.cwd ?? path.dirname(cli),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (texts.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (texts.err += chunk));
  child.stdin.on('error', () => undefined); // it need not read what it is given
  child.stdin.end(options.input ?? '');
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, out: () => texts.out, finished: ended.then((code) => ({ code, ...texts })) };
}

/** Runs `corridor …` to its end. */
export async function corridorCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: CommandOptions = {},
): Promise<Finished> {
  return startCommand(args, env, options).finished;
}

/** Waits, for half a minute at most unless it is told otherwise. */
export async function until(holds: () => boolean | Promise<boolean>, milliseconds = 30_000): Promise<void> {
  for (const deadline = Date.now() + milliseconds; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (await holds()) return;
  }
  throw new Error('it did not come about');
}
