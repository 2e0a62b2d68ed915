import { TemporarilyUnavailable } from '../oauth/errors.js';

const WAITING = 4_000;

/** Runs one task per key at a time: whoever asks meanwhile gets the same result, and `first` tells who asked first. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Promise<T>>();
  #waiting = 0;

  /** So many may wait at the same time, whatever for. */
  constructor(private readonly most = WAITING) {}

  isFlying(key: string): boolean {
    return this.#flights.has(key);
  }

  /** @throws TemporarilyUnavailable when too many wait already */
  async run(key: string, task: () => Promise<T>): Promise<{ readonly first: boolean; readonly result: T }> {
    if (this.#waiting >= this.most) throw new TemporarilyUnavailable('too much is under way: try again', { retryAfter: 1 });
    this.#waiting++;
    try {
      const flying = this.#flights.get(key);
      if (flying !== undefined) return { first: false, result: await flying };
      const flight = task().finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
      return { first: true, result: await flight };
    } finally {
      this.#waiting--;
    }
  }
}
