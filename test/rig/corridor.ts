import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { template } from './template.js';

export interface CorridorOptions {
  /** What `corridor.yaml` says. */
  readonly catalogue: string;
  /** A policy directory; the starter policy when absent. */
  readonly policies?: string;
  /** Further variables; no other `CORRIDOR_*` of the surroundings reaches it. */
  readonly env?: Readonly<Record<string, string>>;
  /** The data directory of an earlier one, to start again from; then nothing is removed at the end. */
  readonly dataDir?: string;
  readonly port?: number;
  /** The script that serves, with its arguments; `dist/main.js` when absent. */
  readonly script?: readonly [string, ...string[]];
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** What JSON it was, or the text when it was none. */
  readonly body: unknown;
}

/** A whole Corridor, as a process of its own: `dist/main.js`, which must be built. */
export interface RunningCorridor {
  readonly url: string;
  readonly issuer: string;
  readonly adminKey: string;
  readonly dataDir: string;
  /** The `corridor.yaml` that it started with. */
  readonly configFile: string;
  /** Everything that it has printed so far, on both streams. */
  output(): string;
  /** Calls it with a key: the admin's unless another is given. */
  api(method: string, path: string, body?: unknown, key?: string): Promise<ApiAnswer>;
  /** As a crash does: nothing is flushed, nothing is removed. */
  kill(): Promise<void>;
  /** Waits for nothing; of no effect when it has ended. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGUSR2' | 'SIGTERM'): void;
  /** Resolves when it has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<unknown>;
  /** As a service manager does; its data go too, unless the directory was given. */
  stop(): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '../..');
/** Shorter than what a test's hook may take, so that what Corridor said is seen. */
const PATIENCE = 55_000;

export async function startCorridor(options: CorridorOptions): Promise<RunningCorridor> {
  const port = options.port ?? (await freePort());
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-test-'));
  const dataDir = options.dataDir ?? path.join(directory, 'data');
  const configFile = path.join(directory, 'corridor.yaml');
  // what a first start would make itself, made once for all tests
  if (!existsSync(dataDir)) await cp(await template(), dataDir, { recursive: true, mode: constants.COPYFILE_FICLONE });
  await writeFile(configFile, options.catalogue);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [...(options.script ?? [path.join(root, 'dist/main.js')])], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...withoutCorridor(process.env),
      CORRIDOR_PORT: String(port),
      CORRIDOR_DATA_DIR: dataDir,
      CORRIDOR_CONFIG: configFile,
      CORRIDOR_POLICIES: options.policies ?? path.join(root, 'policies'),
      ...options.env,
    },
  });
  const output = collect(child);
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => code ?? signal);
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    // a worker has no metadata to give: that it answers at all is enough
    await untilReady(child, url, output, options.env?.CORRIDOR_ROLE === 'worker');
  } catch (error) {
    await end(child, 'SIGKILL');
    await remove();
    throw error;
  }
  const adminKey = (await readFile(path.join(dataDir, 'admin.key'), 'utf8')).trim();
  return {
    url,
    issuer: `${url}/oauth2`,
    adminKey,
    dataDir,
    configFile,
    output,
    api: (method, route, body, key = adminKey) => call(url + route, method, body, key),
    kill: () => end(child, 'SIGKILL'),
    signal: (signal) => void child.kill(signal),
    ended,
    stop: async () => {
      await end(child, 'SIGTERM');
      await remove();
    },
  };
}

function withoutCorridor(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('CORRIDOR_')));
}

function collect(child: ChildProcess): () => string {
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => printed.push(bytes));
  return () => Buffer.concat(printed).toString();
}

async function untilReady(child: ChildProcess, url: string, output: () => string, isWorker: boolean): Promise<void> {
  const metadata = `${url}/.well-known/oauth-authorization-server/oauth2`;
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline && alive(); await wait(50)) {
    const ready = await fetch(metadata, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.ok || isWorker,
      () => false,
    );
    if (ready) return;
  }
  const what = alive() ? 'was not ready in time' : `ended with ${child.exitCode ?? child.signalCode}`;
  throw new Error(`Corridor ${what}. It said:\n${output()}`);
}

/** By its own handle, and by force when it does not go. */
async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(patience);
}

async function call(url: string, method: string, body: unknown, key: string): Promise<ApiAnswer> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return text;
  }
}

/** Of them, each worker of jest draws from its own: what two of them start at the same time never meets. */
const PORTS = { from: 15_000, slices: 8, each: 2_000 };
const given = new Set<number>();

/**
 * A port on loopback that nobody has, and that this test file was not given before. Below those that the system gives to whoever asks for
 * any, so that nobody gets it before the process that is started with it.
 */
export async function freePort(): Promise<number> {
  const slice = (Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % PORTS.slices;
  while (given.size < PORTS.each) {
    const port = PORTS.from + slice * PORTS.each + randomInt(PORTS.each);
    if (given.has(port)) continue;
    given.add(port); // before anything is awaited: others may draw meanwhile
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('there is no port left to give');
}
