import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A Node process that says on its first line of output, in JSON, where it is. */
export interface NodeProcess {
  readonly said: unknown;
  readonly stop: () => Promise<void>;
}

interface Given {
  readonly arguments?: readonly string[];
  readonly input?: unknown;
}

/** Milliseconds: two of them are shorter than what a test's hook may take. */
const PATIENCE = 25_000;

/**
 * Starts a script of the rig or the demo and waits for its first line. It ends with whoever started it. One in thousands has been seen
 * to start and never say a word: it is ended, and another is tried, aloud.
 */
export async function startNode(script: string, given: Given = {}): Promise<NodeProcess> {
  const first = await attempt(script, given);
  if (first !== null) return first;
  process.stderr.write(`\n*** ${script} said nothing for ${PATIENCE / 1000} s and is started again\n\n`);
  const second = await attempt(script, given);
  if (second === null) throw new Error(`${script} says nothing`);
  return second;
}

/** null: it said nothing. */
async function attempt(script: string, given: Given): Promise<NodeProcess | null> {
  const child = spawn(process.execPath, [script, ...(given.arguments ?? [])], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  child.stdin?.on('error', () => undefined); // it need not read what it is given
  child.stdin?.end(JSON.stringify(given.input ?? {}));
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  let isSilent = false;
  const silent = setTimeout(() => {
    isSilent = true;
    child.kill('SIGKILL');
  }, PATIENCE);
  const said = await Promise.race([firstLine(child), ended.then(() => null)]);
  clearTimeout(silent);
  if (said !== null) return { said: JSON.parse(said), stop };
  if (isSilent) return null;
  throw new Error(`${script} ended with ${child.exitCode ?? child.signalCode} before it was ready`);
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('the output of the process is not piped');
  return once(createInterface(child.stdout), 'line').then(([line]: unknown[]) => String(line));
}
