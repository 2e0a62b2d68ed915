import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './corridor.js';

const ROOM = '64mb';
const quick = { maxRetriesPerRequest: 1, disconnectTimeout: 50 };

/** A real Redis on loopback, which a test can hurt. */
export interface TestRedis {
  readonly url: string;
  readonly version: string;
  /** A connection for the test itself. */
  connect(): Redis;
  /** As a crash does; nothing of it is kept. */
  kill(): Promise<void>;
  /** On the same port, and empty. */
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
  flush(): Promise<void>;
  /** From now on it has no room for anything. */
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's redis-server. Where there is none it says aloud why, and gives null. */
export async function startRedis(): Promise<TestRedis | null> {
  const binary = redisServer();
  if (binary === null) {
    process.stderr.write('\n*** No Redis here, so what it would show stays unshown: apt-get install redis-server\n\n');
    return null;
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'corridor-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const connections = new Set<Redis>();
  const connect = (): Redis => {
    const redis = new Redis(url, { ...quick, retryStrategy: () => 100 });
    redis.on('error', () => undefined);
    connections.add(redis);
    return redis;
  };
  let server = await run(binary, port, directory);
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const end = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    kill();
    await ended;
  };
  const ask = async <T>(command: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(url, quick);
    redis.on('error', () => undefined);
    try {
      return await command(redis);
    } finally {
      redis.disconnect();
    }
  };
  const info = await ask((redis) => redis.info('server'));
  return {
    url,
    version: /^redis_version:(\S+)/m.exec(info)?.[1] ?? '',
    connect,
    kill: end,
    async restart() {
      await end();
      server = await run(binary, port, directory);
    },
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    flush: async () => void (await ask((redis) => redis.flushall())),
    fill: async () => void (await ask((redis) => redis.config('SET', 'maxmemory', '1'))),
    makeRoom: async () => void (await ask((redis) => redis.config('SET', 'maxmemory', ROOM))),
    async stop() {
      process.off('exit', kill);
      for (const redis of connections) redis.disconnect();
      await end();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function redisServer(): string | null {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin'];
  return folders.map((folder) => path.join(folder, 'redis-server')).find((file) => existsSync(file)) ?? null;
}

async function run(binary: string, port: number, directory: string): Promise<ChildProcess> {
  const memory = ['--maxmemory', ROOM, '--maxmemory-policy', 'noeviction', '--save', '', '--appendonly', 'no'];
  const where = ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory];
  const server = spawn(binary, [...where, ...memory], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 1_200; attempt++) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
    const redis = new Redis(port, '127.0.0.1', { ...quick, lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined);
    const isReady = await redis.connect().then(
      () => true,
      () => false,
    );
    redis.disconnect();
    if (isReady) return server;
    await delay(25);
  }
  server.kill('SIGKILL');
  throw new Error('redis-server was not ready in time');
}
