import { setImmediate as turn } from 'node:timers/promises';
import { Clock } from '../../src/oauth/clock.js';

interface Sleeper {
  readonly until: number;
  wake(): void;
}

/** Time that stands still until the test moves it. */
export class SimulatedClock extends Clock {
  readonly #sleepers: Sleeper[] = [];

  constructor(public at = Date.parse('2026-03-03T13:05:00.000Z')) {
    super();
  }

  now(): number {
    return this.at;
  }

  /** Resolves when so much time has passed. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => {
      const until = this.at + milliseconds;
      let place = this.#sleepers.length;
      while (place > 0 && (this.#sleepers[place - 1]?.until ?? 0) > until) place--;
      this.#sleepers.splice(place, 0, { until, wake });
    });
  }

  /** Lets time pass: whoever sleeps wakes in turn, and does all that it can before the next does. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.at + milliseconds;
    await turn();
    for (let [first] = this.#sleepers; first !== undefined && first.until <= end; [first] = this.#sleepers) {
      this.at = Math.max(this.at, first.until);
      while (this.#sleepers[0] !== undefined && this.#sleepers[0].until <= this.at) this.#sleepers.shift()?.wake();
      await turn();
    }
    this.at = end;
  }
}
