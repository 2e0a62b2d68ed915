import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A Node process that says on its first line of output, in JSON, where it is. */
export interface NodeProcess {
  readonly said: unknown;
  readonly stop: () => Promise<void>;
}

/** Milliseconds: shorter than what a test's hook may take, so that what hangs is known by its name. */
const PATIENCE = 50_000;

/** Starts a script of the rig or the demo and waits for its first line. It ends with whoever started it. */
export async function startNode(script: string, given: { arguments?: readonly string[]; input?: unknown } = {}): Promise<NodeProcess> {
  const child = spawn(process.execPath, [script, ...(given.arguments ?? [])], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  child.stdin?.on('error', () => undefined); // it need not read what it is given
  child.stdin?.end(JSON.stringify(given.input ?? {}));
  const silent = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  const said = await Promise.race([firstLine(child), ended.then(() => null)]);
  clearTimeout(silent);
  if (said === null) throw new Error(`${script} ended with ${child.exitCode ?? child.signalCode} before it was ready`);
  return {
    said: JSON.parse(said),
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new TypeError('the output of the process is not piped');
  return once(createInterface(child.stdout), 'line').then(([line]: unknown[]) => String(line));
}
