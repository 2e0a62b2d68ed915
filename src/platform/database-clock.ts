import { performance } from 'node:perf_hooks';
import { Clock } from '../oauth/clock.js';
import type { Database } from '../store/database.js';
import { z } from 'zod';

const row = z.object({ now: z.coerce.number() });

/** Milliseconds between two measurements; the second after one that took too long. */
const EVERY = 10_000;
const SOON = 1_000;

/** A statement that took longer has waited its turn (a vacuum, a checkpoint), nobody knows whether before or after it looked. */
const PROMPT = 500;
const TRIES_AT_START = 3;

/** What was asked between two times of the monotonic clock; the database's time then. */
interface Sample {
  readonly before: number;
  readonly after: number;
  readonly database: number;
}

/**
 * Time on the database's line (DESIGN §7): this machine's monotonic clock and an offset that is measured now and then.
 * It never goes back; when the database's clock does, it stands still until it is caught up with.
 */
export class DatabaseClock extends Clock {
  #offset = performance.timeOrigin;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  private constructor(
    private readonly database: Database,
    private readonly onFailure: (error: unknown) => void,
  ) {
    super();
  }

  /** The quickest of a few measurements counts, unless one is prompt. @throws DatabaseUnavailable */
  static async start(database: Database, onFailure: (error: unknown) => void): Promise<DatabaseClock> {
    const clock = new DatabaseClock(database, onFailure);
    let best = await clock.#sample();
    for (let tries = 1; duration(best) > PROMPT && tries < TRIES_AT_START; tries++) {
      const next = await clock.#sample();
      if (duration(next) < duration(best)) best = next;
    }
    clock.#offset = midpoint(best);
    clock.#measureIn(duration(best) > PROMPT ? SOON : EVERY);
    return clock;
  }

  now(): number {
    this.#last = Math.max(this.#last, Math.round(performance.now() + this.#offset));
    return this.#last;
  }

  /**
   * Milliseconds by which this machine's wall clock, or the time that is given out here while it stands still, is off the database's line
   * as it was measured last. Beyond a bound this process is not ready: certificates and logs go by the one, everything else by the other.
   */
  drift(): number {
    const database = performance.now() + this.#offset;
    return Math.max(Math.abs(Date.now() - database), this.#last - database);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #measureIn(pause: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#measure().then((next) => this.#measureIn(next)), pause).unref();
  }

  /** Gives when to measure again. */
  async #measure(): Promise<number> {
    try {
      const sample = await this.#sample();
      const prompt = duration(sample) <= PROMPT;
      this.#offset = prompt ? midpoint(sample) : nearestWithin(sample, this.#offset);
      return prompt ? EVERY : SOON;
    } catch (error) {
      this.onFailure(error);
      return EVERY;
    }
  }

  async #sample(): Promise<Sample> {
    const before = performance.now();
    const [first] = await this.database.query('select extract(epoch from clock_timestamp()) * 1000 as now');
    return { before, after: performance.now(), database: row.parse(first).now };
  }
}

function duration({ before, after }: Sample): number {
  return after - before;
}

function midpoint({ before, after, database }: Sample): number {
  return database - (before + after) / 2;
}

/** The offset that was known, unless it cannot be any more: the database looked at its clock after it was asked and before it had answered. */
function nearestWithin({ before, after, database }: Sample, offset: number): number {
  return Math.min(Math.max(offset, database - after), database - before);
}
