import { LogUnavailable } from '../attribution/entry-log.js';

export interface GroupCommitLimits {
  /** Items in one flush; a call that gives more has a flush of its own. */
  readonly maxBatch: number;
  /** Items that wait; a call that would make it more is refused at once. */
  readonly maxWaiting: number;
  /** Milliseconds that a call may wait for its flush to begin. */
  readonly maxWait: number;
  /** Flushes at the same time. */
  readonly inFlight: number;
}

interface Waiting<Item, Result> {
  readonly items: readonly Item[];
  readonly since: number;
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers what is submitted while a flush is under way, and gives it to the next one, in order.
 * The items of one call are never parted. What was refused here was never given to a flush.
 */
export class GroupCommit<Item, Result> {
  readonly #waiting: Waiting<Item, Result>[] = [];
  #itemsWaiting = 0;
  #flushing = 0;
  #scheduled = false;

  /** `flush` gives one result for each item, in their order. `monotonic` is a clock in milliseconds that never jumps. */
  constructor(
    private readonly flush: (items: readonly Item[]) => Promise<readonly Result[]>,
    private readonly limits: GroupCommitLimits,
    private readonly monotonic: () => number,
  ) {}

  submit(items: readonly Item[]): Promise<readonly Result[]> {
    if (items.length === 0) return Promise.resolve([]);
    if (this.#itemsWaiting + items.length > this.limits.maxWaiting) {
      return Promise.reject(new LogUnavailable('too much is waiting to be recorded'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, since: this.monotonic(), resolve, reject });
      this.#itemsWaiting += items.length;
      this.#schedule();
    });
  }

  /** Flushes begin once the events at hand are through, so that what they submit goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#flushing >= this.limits.inFlight) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flushOnce();
      this.#schedule();
    });
  }

  async #flushOnce(): Promise<void> {
    const batch = this.#nextBatch();
    if (batch.length === 0) return;
    this.#flushing++;
    try {
      const results = await this.flush(batch.flatMap(({ items }) => items));
      let taken = 0;
      for (const { items, resolve } of batch) resolve(results.slice(taken, (taken += items.length)));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#flushing--;
      this.#schedule();
    }
  }

  #nextBatch(): Waiting<Item, Result>[] {
    const batch: Waiting<Item, Result>[] = [];
    const now = this.monotonic();
    let size = 0;
    let taken = 0;
    for (const waiting of this.#waiting) {
      const late = now - waiting.since > this.limits.maxWait;
      if (!late && size > 0 && size + waiting.items.length > this.limits.maxBatch) break;
      taken++;
      this.#itemsWaiting -= waiting.items.length;
      if (late) {
        waiting.reject(new LogUnavailable('what was to be recorded waited too long'));
      } else {
        size += waiting.items.length;
        batch.push(waiting);
      }
    }
    this.#waiting.splice(0, taken);
    return batch;
  }
}
