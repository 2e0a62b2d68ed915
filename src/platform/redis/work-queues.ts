import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { WorkKind } from '../../issuance/early-notice.js';
import { connectionOptions, type RedisHealth } from './bounded-redis.js';

/** Milliseconds in which what is told of one kind of work is told once. */
const GATHER = 50;
/** Seconds that it listens for a job at a time: where Redis is gone, a process that is to end waits for so long. */
const LISTEN_FOR = 1;
/** Milliseconds: what hangs for want of a Redis ends with its connection. */
const CLOSE_WITHIN = 500;
/** A job is nothing but a nudge: none is kept, none is tried again. */
const NUDGE = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/** A queue for each kind of work. Each job wakes the loop of one process, which reads in the database what there is to do. */
export class WorkQueues {
  readonly #queues = new Map<WorkKind, Queue>();
  readonly #workers: Worker[] = [];
  readonly #soon = new Map<WorkKind, NodeJS.Timeout>();
  readonly #producer: Redis;
  #consumer: Redis | null = null;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly prefix: string,
    private readonly health: RedisHealth,
  ) {
    this.#producer = connect(url, {});
  }

  nudge(kind: WorkKind, dueIn: number): void {
    if (dueIn > 0) return this.#addLater(kind, dueIn);
    if (this.#soon.has(kind)) return;
    const timer = setTimeout(() => {
      this.#soon.delete(kind);
      this.#add(kind, {});
    }, GATHER);
    this.#soon.set(kind, timer.unref());
  }

  listen(kind: WorkKind, wake: () => void): void {
    const processor = (): Promise<void> => {
      wake();
      return Promise.resolve();
    };
    // it waits for its jobs, also while there is no Redis
    this.#consumer ??= connect(this.url, { maxRetriesPerRequest: null, enableOfflineQueue: true });
    const worker = new Worker(kind, processor, {
      connection: this.#consumer,
      prefix: this.prefix,
      skipVersionCheck: true,
      drainDelay: LISTEN_FOR,
    });
    worker.on('error', () => undefined); // it comes back by itself
    this.#workers.push(worker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#soon.values()) clearTimeout(timer);
    const closing = [...this.#workers.map((worker) => worker.close(true)), ...[...this.#queues.values()].map((queue) => queue.close())];
    await Promise.race([Promise.allSettled(closing), delay(CLOSE_WITHIN, undefined, { ref: false })]);
    for (const connection of [this.#producer, this.#consumer]) connection?.disconnect();
  }

  /** Those of one second are one job. */
  #addLater(kind: WorkKind, dueIn: number): void {
    const second = Math.ceil((Date.now() + dueIn) / 1000);
    this.#add(kind, { delay: dueIn, jobId: `due-${second}` });
  }

  #add(kind: WorkKind, more: { readonly delay?: number; readonly jobId?: string }): void {
    if (this.#closed || !this.health.up) return;
    this.#queue(kind)
      .add(kind, {}, { ...NUDGE, ...more })
      .catch(() => undefined);
  }

  #queue(kind: WorkKind): Queue {
    let queue = this.#queues.get(kind);
    if (queue === undefined) {
      const checks = { skipWaitingForReady: true, skipVersionCheck: true };
      queue = new Queue(kind, { connection: this.#producer, prefix: this.prefix, ...checks, streams: { events: { maxLen: 100 } } });
      queue.on('error', () => undefined);
      this.#queues.set(kind, queue);
    }
    return queue;
  }
}

function connect(url: string, options: RedisOptions): Redis {
  const redis = new Redis(url, { ...connectionOptions, ...options });
  redis.on('error', () => undefined); // it comes back by itself
  redis.connect().catch(() => undefined);
  return redis;
}
