import { within } from '../../oauth/within.js';

/**
 * What takes a question to the database is asked every so often, by whoever wants it then; all others get the same. Null where it
 * failed, or did not come in time: nothing is told that is older than that.
 */
export class SeenNowAndThen<T> {
  #at = -Infinity;
  #seen: Promise<T | null> = Promise.resolve(null);

  /** Times in milliseconds; `monotonic` is a clock that never jumps. */
  constructor(
    private readonly look: () => Promise<T>,
    private readonly onFailure: (error: unknown) => void,
    private readonly every: number,
    private readonly patience: number,
    private readonly monotonic: () => number,
  ) {}

  async get(): Promise<T | null> {
    const now = this.monotonic();
    if (now - this.#at >= this.every) {
      this.#at = now;
      this.#seen = this.look().catch((error: unknown) => {
        this.onFailure(error);
        return null;
      });
    }
    return within(this.patience, this.#seen);
  }
}
