import { PolicyCompilerFailed } from '../../policy/policy-compiler.js';

/** Runs one job after the other, in the order in which they came; at most `waiting` may wait. */
export class JobQueue {
  #last: Promise<unknown> = Promise.resolve();
  #jobs = 0;

  constructor(private readonly waiting: number) {}

  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#jobs > this.waiting) {
      throw new PolicyCompilerFailed('overloaded', `${this.waiting} jobs wait for the policy compiler already`);
    }
    this.#jobs += 1;
    const mine = this.#last.then(job);
    this.#last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#jobs -= 1;
    }
  }

  /** Resolves when every job that is in the queue now has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
