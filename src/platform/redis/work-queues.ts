import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { WorkKind } from '../../issuance/early-notice.js';
import { connectionOptions, type BoundedRedis } from './bounded-redis.js';

/** Milliseconds in which what is told of one kind of work is told once. */
const GATHER = 50;
/** How many nudges of one process and kind lie there at most, when nobody takes them. */
const UNHEARD = 20;
/** Milliseconds beyond which no nudge is left for later: what is due is looked for all the time. */
const FORESIGHT = 1_800_000;
/** Seconds that it listens for a job at a time: where Redis is gone, a process that is to end waits for so long. */
const LISTEN_FOR = 1;
/** Milliseconds after which it listens again where that failed. */
const AGAIN_AFTER = 1_000;
/** Milliseconds that closing may take. */
const CLOSE_WITHIN = 500;
/** A job is nothing but a nudge: none is kept, none is tried again. */
const NUDGE = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/** A queue for each kind of work. Each job wakes the loop of one process, which reads in the database what there is to do. */
export class WorkQueues {
  readonly #queues = new Map<WorkKind, Queue>();
  readonly #wakes = new Map<WorkKind, () => void>();
  #workers: Worker[] = [];
  readonly #soon = new Map<WorkKind, NodeJS.Timeout>();
  readonly #producer: Redis;
  #consumer: Redis | null = null;
  readonly #name = randomBytes(4).toString('hex');
  #nudges = 0;
  #closed = false;

  constructor(
    private readonly url: string,
    private readonly prefix: string,
    private readonly redis: BoundedRedis,
  ) {
    this.#producer = connect(url, {});
    redis.onUp(() => this.#beginAnew());
  }

  nudge(kind: WorkKind, dueIn: number): void {
    if (dueIn > 0) return this.#addLater(kind, dueIn);
    if (this.#soon.has(kind)) return;
    const timer = setTimeout(() => {
      this.#soon.delete(kind);
      this.#add(kind, { jobId: `soon-${this.#name}-${this.#nudges++ % UNHEARD}` });
    }, GATHER);
    this.#soon.set(kind, timer.unref());
  }

  listen(kind: WorkKind, wake: () => void): void {
    this.#wakes.set(kind, wake);
    if (this.redis.up) this.#work(kind, wake);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#soon.values()) clearTimeout(timer);
    await inTime([...this.#queues.values()].map((queue) => queue.close()));
    this.#producer.disconnect();
    await this.#dismiss();
  }

  #work(kind: WorkKind, wake: () => void): void {
    const processor = (): Promise<void> => {
      wake();
      return Promise.resolve();
    };
    this.#consumer ??= connect(this.url, { maxRetriesPerRequest: null, enableOfflineQueue: true });
    const worker = new Worker(kind, processor, {
      connection: this.#consumer,
      prefix: this.prefix,
      skipVersionCheck: true,
      drainDelay: LISTEN_FOR,
      runRetryDelay: AGAIN_AFTER,
    });
    worker.on('error', () => undefined); // it is replaced when Redis is back
    this.#workers.push(worker);
  }

  /** A worker whose Redis went away while it was about to listen does not come back by itself. */
  #beginAnew(): void {
    if (this.#closed) return;
    void this.#dismiss();
    for (const [kind, wake] of this.#wakes) this.#work(kind, wake);
  }

  async #dismiss(): Promise<void> {
    const [workers, consumer] = [this.#workers, this.#consumer];
    this.#workers = [];
    this.#consumer = null;
    await inTime(workers.map((worker) => worker.close(true)));
    consumer?.disconnect();
  }

  /** Those of one second are one job; a second that lies far back and still has its own needs no other. */
  #addLater(kind: WorkKind, dueIn: number): void {
    if (dueIn > FORESIGHT) return;
    const second = Math.ceil((Date.now() + dueIn) / 1000) % ((2 * FORESIGHT) / 1000);
    this.#add(kind, { delay: dueIn, jobId: `due-${second}` });
  }

  #add(kind: WorkKind, more: { readonly delay?: number; readonly jobId: string }): void {
    if (this.#closed || !this.redis.up) return;
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

/** What hangs for want of a Redis ends with its connection. */
async function inTime(closing: readonly Promise<unknown>[]): Promise<void> {
  await Promise.race([Promise.allSettled(closing), delay(CLOSE_WITHIN, undefined, { ref: false })]);
}
