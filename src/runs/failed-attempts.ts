import type { Clock } from '../oauth/clock.js';

const WINDOW = 60_000;
/** Within a window: for one client from anywhere, and from one address whoever it claims to be: it may be that of a proxy. */
const PER_CLIENT = 20;
const PER_ADDRESS = 1_000;
const REMEMBERED = 10_000;

/**
 * Throttles failed authentication per client and per address (CONFORMANCE B21): after 20 failures within a minute of what claims to be
 * one client, or 1,000 from one address, further failures are told to wait until the minute is over. It says nothing of who has the
 * right credential: ask only about a failure, or others could lock that one out by guessing.
 */
export class FailedAttempts {
  readonly #clients: Windows;
  readonly #addresses: Windows;

  constructor(clock: Clock) {
    this.#clients = new Windows(PER_CLIENT, clock);
    this.#addresses = new Windows(PER_ADDRESS, clock);
  }

  /** Seconds to wait, or 0 when there were not too many failures yet. */
  wait(client: string, address: string): number {
    return Math.max(this.#clients.wait(client), this.#addresses.wait(address));
  }

  note(client: string, address: string): void {
    this.#clients.note(client);
    this.#addresses.note(address);
  }
}

/** Failures by who they are of, in windows that begin with the first. Bounded: the oldest is forgotten first. */
class Windows {
  readonly #windows = new Map<string, { since: number; count: number }>();

  constructor(
    private readonly allowed: number,
    private readonly clock: Clock,
  ) {}

  wait(of: string): number {
    const window = this.#windows.get(of);
    if (window === undefined || window.count < this.allowed) return 0;
    return Math.max(0, Math.ceil((window.since + WINDOW - this.clock.now()) / 1000));
  }

  note(of: string): void {
    const now = this.clock.now();
    const window = this.#windows.get(of);
    if (window !== undefined && window.since + WINDOW > now) {
      window.count++;
      return;
    }
    this.#windows.delete(of);
    this.#windows.set(of, { since: now, count: 1 });
    if (this.#windows.size > REMEMBERED) this.#windows.delete(this.#windows.keys().next().value ?? of);
  }
}
