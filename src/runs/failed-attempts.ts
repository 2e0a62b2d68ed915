import type { Clock } from '../oauth/clock.js';

const WINDOW = 60_000;
const ALLOWED = 20;
const REMEMBERED = 10_000;

/**
 * Throttles failed authentication per subject and address (CONFORMANCE B21): after 20 failures within a minute, further
 * attempts are turned away until the minute is over. Bounded: the oldest is forgotten first.
 */
export class FailedAttempts {
  readonly #windows = new Map<string, { since: number; count: number }>();

  constructor(private readonly clock: Clock) {}

  /** Seconds to wait, or 0 when the attempt may be made. */
  wait(subject: string, address: string): number {
    const window = this.#windows.get(`${subject} ${address}`);
    if (window === undefined || window.count < ALLOWED) return 0;
    return Math.max(0, Math.ceil((window.since + WINDOW - this.clock.now()) / 1000));
  }

  note(subject: string, address: string): void {
    const key = `${subject} ${address}`;
    const now = this.clock.now();
    const window = this.#windows.get(key);
    if (window !== undefined && window.since + WINDOW > now) {
      window.count++;
      return;
    }
    this.#windows.delete(key);
    this.#windows.set(key, { since: now, count: 1 });
    if (this.#windows.size > REMEMBERED) this.#windows.delete(this.#windows.keys().next().value ?? key);
  }
}
