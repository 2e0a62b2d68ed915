import { performance } from 'node:perf_hooks';
import { Clock } from '../oauth/clock.js';
import type { Database } from '../store/database.js';
import { z } from 'zod';

const row = z.object({ now: z.coerce.number() });
const EVERY = 10_000;

/**
 * Time on the database's line (DESIGN §7): this machine's monotonic clock and an offset that is measured now and then.
 * It never goes back; when the database's clock does, it stands still until it is caught up with.
 */
export class DatabaseClock extends Clock {
  #offset = performance.timeOrigin;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @throws DatabaseUnavailable */
  static async start(database: Database, onFailure: (error: unknown) => void): Promise<DatabaseClock> {
    const clock = new DatabaseClock();
    await clock.#measure(database);
    clock.#timer = setInterval(() => void clock.#measure(database).catch(onFailure), EVERY).unref();
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
    clearInterval(this.#timer);
  }

  async #measure(database: Database): Promise<void> {
    const before = performance.now();
    const [first] = await database.query('select extract(epoch from clock_timestamp()) * 1000 as now');
    this.#offset = row.parse(first).now - (before + performance.now()) / 2;
  }
}
