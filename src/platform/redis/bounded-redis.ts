import { Redis, type RedisOptions } from 'ioredis';
import type { Journal } from '../journal.js';

/** Milliseconds that a request may wait for a command. */
const WITHIN = 40;
/** So many commands in a row that were not answered in time, and Redis is left alone. */
const TOO_MANY = 3;
/** Milliseconds until it is looked at again: twice as long whenever it was lost soon after it was back, and at most so long. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
const SOON = 10_000;
/** Milliseconds that a start waits for it. */
const START_WITHIN = 1_000;
/** After so many looks in vain another connection is made: this one may be to nowhere. */
const PATIENT_LOOKS = 5;

const OLDEST = [6, 2] as const;

/** What can be counted of Redis: whether it is used now, and how many commands have failed or were not answered in time, and connections broken. */
export interface RedisHealth {
  readonly up: boolean;
  readonly failures: number;
}

/** For every connection: it comes back by itself, and nothing waits for it. */
export const connectionOptions = {
  protocol: 2, // an old server is told by its version, not by an error
  lazyConnect: true,
  connectTimeout: 2_000,
  disconnectTimeout: 100, // a process ends no sooner
  retryStrategy: () => 500,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;

/**
 * Redis that costs nobody anything when it is slow, gone, full or too old: a command is answered in time or given up, and after a few of
 * those it is left alone until it is found to be well. That it went, and that it is back, is one line each.
 */
export class BoundedRedis implements RedisHealth {
  readonly #redis: Redis;
  #state: 'unknown' | 'up' | 'lost' = 'unknown';
  #failures = 0;
  #unanswered = 0;
  #pause = FIRST_PAUSE;
  #backSince = -Infinity;
  #vainLooks = 0;
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #trouble = 'it does not answer';
  #onUp: () => void = () => undefined;
  #closed = false;

  constructor(
    url: string,
    /** A key that may be written, to see whether there is room. */
    private readonly probeKey: string,
    private readonly journal: Journal,
  ) {
    this.#redis = new Redis(url, connectionOptions);
    this.#redis.on('error', (error: Error) => (this.#trouble = error.message || this.#trouble));
    this.#redis.on('close', () => this.#hangUp());
    this.#redis.on('ready', () => void this.#look());
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  get failures(): number {
    return this.#failures;
  }

  /** Calls `risen` each time when it can be used again. */
  onUp(risen: () => void): void {
    this.#onUp = risen;
  }

  /** Resolves when it can be used, or when there is no use in waiting. */
  async open(): Promise<void> {
    const connected = this.#redis.connect().then(() => this.#look());
    await within(connected, START_WITHIN).catch((error: unknown) => this.#lose(messageOf(error)));
  }

  /** What Redis answers, in time; undefined when that cannot be had. */
  async ask<T>(command: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    if (this.#state !== 'up') return undefined;
    try {
      const answer = await within(command(this.#redis), WITHIN);
      this.#unanswered = 0;
      return answer;
    } catch (error) {
      this.#failures++;
      // an answer that says no, such as that it is full, holds for other commands too
      if (++this.#unanswered >= TOO_MANY || isReply(error)) this.#lose(messageOf(error));
      return undefined;
    }
  }

  /** The same, where nobody waits for the answer. */
  tell(command: (redis: Redis) => Promise<unknown>): void {
    void this.ask(command);
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#redis.disconnect();
    return Promise.resolve();
  }

  #look(): Promise<void> {
    return (this.#looking ??= this.#examine().finally(() => (this.#looking = null)));
  }

  /** It is well when it answers in time, is new enough, and has room for what is written. */
  async #examine(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    try {
      const asked = Promise.all([this.#redis.info('server'), this.#redis.set(this.probeKey, '', 'PX', 1_000)]);
      // a process that has just begun has other things to do
      const [info] = await within(asked, this.#state === 'unknown' ? START_WITHIN : WITHIN);
      refuseOld(info);
      this.#vainLooks = 0;
      this.#rise();
    } catch (error) {
      if (this.#closed) return;
      this.#lose(messageOf(error));
      if (!isReply(error) && ++this.#vainLooks % PATIENT_LOOKS === 0) this.#redis.disconnect(true);
    }
  }

  #rise(): void {
    this.#unanswered = 0;
    if (this.#state === 'up') return;
    if (this.#state === 'lost') this.journal.note('info', 'redis_back');
    this.#state = 'up';
    this.#backSince = performance.now();
    this.#onUp();
  }

  /** That it hung up between two commands is a failure too, although no command failed. */
  #hangUp(): void {
    if (this.up && !this.#closed) this.#failures++;
    this.#lose(this.#trouble);
  }

  #lose(why: string): void {
    if (this.#closed) return;
    if (this.#state === 'up') {
      const isRelapse = performance.now() - this.#backSince < SOON;
      this.#pause = isRelapse ? Math.min(this.#pause * 2, LONGEST_PAUSE) : FIRST_PAUSE;
    }
    if (this.#state !== 'lost') {
      this.journal.note('warning', 'redis_lost', { why, effect: 'none but speed: every process goes on without it, and looks for it' });
    }
    this.#state = 'lost';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), this.#pause).unref();
  }
}

/** An answer that has arrived while this process was busy is in time. */
async function within<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${milliseconds} ms`))), milliseconds);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function refuseOld(info: string): void {
  const [, version, major, minor] = /^redis_version:((\d+)\.(\d+)\S*)/m.exec(info) ?? [];
  const [oldestMajor, oldestMinor] = OLDEST;
  const isOld = Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  if (version === undefined || isOld) throw new TooOld(version ?? 'one that does not say what it is');
}

class TooOld extends Error {
  constructor(version: string) {
    super(`Corridor needs Redis ${OLDEST.join('.')} or later; the server of CORRIDOR_REDIS_URL is ${version}`);
    this.name = 'TooOld';
  }
}

function isReply(error: unknown): boolean {
  return error instanceof TooOld || (error instanceof Error && error.name === 'ReplyError');
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : 'it does not answer';
}
