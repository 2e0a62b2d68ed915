import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import type { UpstreamFault } from '../upstreams/token.js';

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 8_000;
const REMEMBERED = 10_000;

/** What an attempt came to that brought no token to hand out, and why. */
export interface Failure {
  readonly by: 'refused' | 'failed' | 'unknown';
  readonly fault: UpstreamFault;
}

/**
 * The negative cache: after a failure the same request is not sent again for a short while, twice as long after each
 * further failure, or for as long as the server said; up to a quarter longer, so that those who failed together do not come back
 * together (CONFORMANCE A64). Bounded: the oldest is forgotten first.
 */
export class RecentFailures {
  readonly #failures = new Map<string, Failure & { readonly pause: number; readonly until: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** The failure that still holds, and how many seconds it does; null when the request may be sent. */
  holding(key: string): (Failure & { readonly retryAfter: number }) | null {
    const failure = this.#failures.get(key);
    const left = failure === undefined ? 0 : failure.until - this.clock.now();
    return failure === undefined || left <= 0 ? null : { by: failure.by, fault: failure.fault, retryAfter: Math.ceil(left / 1000) };
  }

  /** Notes a failure; `retryAfter` in seconds is the server's own word. Gives the seconds to wait. */
  note(key: string, { by, fault }: Failure, retryAfter: number | null): number {
    const pause = Math.min((this.#failures.get(key)?.pause ?? FIRST_PAUSE / 2) * 2, LONGEST_PAUSE);
    const jittered = pause * (1 + (this.randomness.bytes(1)[0] ?? 0) / 1024);
    const wait = retryAfter === null ? jittered : Math.max(jittered, retryAfter * 1000);
    this.#failures.delete(key);
    this.#failures.set(key, { by, fault, pause, until: this.clock.now() + wait });
    if (this.#failures.size > REMEMBERED) this.#failures.delete(this.#failures.keys().next().value ?? key);
    return Math.ceil(wait / 1000);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
