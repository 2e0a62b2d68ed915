import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import type { Party } from '../upstreams/client-authentication.js';
import type { UpstreamFault } from '../upstreams/token.js';

/** So many failures in a row, none of them about what was asked, and the server is left alone. */
const TOO_MANY = 5;
/** Milliseconds: how long at first, twice as long after each probe that fails, and at most so long. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** The same where the server refuses our client: it may lock one that keeps trying (CONFORMANCE A68). */
const LONGEST_FOR_CLIENT = 120_000;
const REMEMBERED = 1_024;
/** Milliseconds after its pause in which nobody has come to probe, and a circuit is not said to be open any more. */
const SAID = 5 * 60_000;

/** What tells of the server, or of our client there, rather than of one request: not that a scope is refused, nor that a token is too broad. */
const OUTAGES: ReadonlySet<UpstreamFault> = new Set<UpstreamFault>([
  'unreachable',
  'address_refused',
  'tls_failed',
  'timeout',
  'redirect',
  'response_too_large',
  'response_unreadable',
  'overloaded',
  'server_unavailable',
  'throttled',
  'client_refused',
]);

/** Of each pair: attempts at the same time, attempts that wait for their turn, and milliseconds that they do. */
export interface Bounds {
  readonly atOnce: number;
  readonly waiting: number;
  readonly patience: number;
}

const BOUNDS: Bounds = { atOnce: 64, waiting: 1_024, patience: 5_000 };

/** Milliseconds by which a timer may go before the clock. */
const MARGIN = 10;

/** What an attempt came to, as far as it tells of the server. `retryAfter` in seconds is the server's own word. */
export interface Report {
  readonly fault: UpstreamFault;
  readonly retryAfter: number | null;
}

/**
 * A turn at the server: exactly one of the two MUST be called. ended tells what came of the attempt, null when a token or a refusal of
 * this request alone did, and gives the seconds for which the circuit opened because of it, or null. abandoned: nothing was sent.
 */
export interface Turn {
  readonly kind: 'turn';
  ended(report: Report | null): number | null;
  abandoned(): void;
}

/** Nothing may be sent now. `by`: the circuit is open, or too many wait. */
export interface Kept {
  readonly kind: 'kept';
  readonly by: 'circuit' | 'concurrency_limit';
  readonly fault: UpstreamFault;
  readonly retryAfter: number;
}

interface Pair {
  /** Outages since the last answer. */
  outages: number;
  /** Of the last outage. */
  fault: UpstreamFault;
  /** 0 while the circuit is closed. */
  pause: number;
  openUntil: number;
  probing: boolean;
  underWay: number;
  readonly queue: { readonly since: number; settle(turn: Turn | Kept): void }[];
}

/**
 * Keeps attempts away from an authorization server that is down, throttles us or refuses our client, and bounds how many are under way:
 * for each pair of server and client by itself (CONFORMANCE A66, Q30). While it is open nothing is sent; after its pause one attempt
 * probes, and what that finds closes it or opens it for longer. Bounded: pairs with nothing under way are forgotten, the oldest first.
 */
export class Circuits {
  readonly #pairs = new Map<string, Pair>();

  constructor(
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly bounds: Bounds = BOUNDS,
  ) {}

  /**
   * Which of them are open, a probe under way or not, by the names that they were entered by. Where nobody has asked for long since the
   * pause was over, as of a credential that was replaced, nothing is known of the server, and nobody is kept from it.
   */
  states(): readonly { readonly name: string; readonly open: boolean }[] {
    const now = this.clock.now();
    return [...this.#pairs].map(([name, { pause, probing, openUntil }]) => ({
      name,
      open: pause > 0 && (probing || now < openUntil + SAID),
    }));
  }

  /** Whether whoever comes now gets a turn at once, and does not probe. */
  isFree(name: string): boolean {
    const pair = this.#pairs.get(name);
    return pair === undefined || (pair.pause === 0 && pair.underWay < this.bounds.atOnce);
  }

  /** Resolves when it is this attempt's turn, or with why it gets none. */
  async enter(name: string): Promise<Turn | Kept> {
    const pair = this.#pair(name);
    const kept = this.#keptAway(pair);
    if (kept !== null) return kept;
    if (pair.underWay < this.bounds.atOnce) return this.#turn(pair);
    if (pair.queue.length >= this.bounds.waiting) return full;
    // also while none of those before it ends
    setTimeout(() => this.#next(pair), this.bounds.patience + MARGIN).unref();
    return new Promise((settle) => pair.queue.push({ since: this.clock.now(), settle }));
  }

  /** For what can wait for another time: a turn while half of them are free. */
  tryEnter(name: string): Turn | Kept {
    const pair = this.#pair(name);
    const kept = this.#keptAway(pair);
    if (kept !== null) return kept;
    return pair.underWay < Math.ceil(this.bounds.atOnce / 2) ? this.#turn(pair) : full;
  }

  #keptAway(pair: Pair): Kept | null {
    if (pair.pause === 0) return null;
    const left = pair.openUntil - this.clock.now();
    if (left <= 0 && !pair.probing) return null;
    return { kind: 'kept', by: 'circuit', fault: pair.fault, retryAfter: Math.max(1, Math.ceil(left / 1000)) };
  }

  #turn(pair: Pair): Turn {
    const isProbe = pair.pause > 0;
    pair.underWay++;
    if (isProbe) pair.probing = true;
    const left = (): void => {
      pair.underWay--;
      if (isProbe) pair.probing = false;
    };
    return {
      kind: 'turn',
      ended: (report) => {
        left();
        const opened = this.#learn(pair, report, isProbe);
        this.#next(pair);
        return opened;
      },
      abandoned: () => {
        left();
        this.#next(pair);
      },
    };
  }

  #learn(pair: Pair, report: Report | null, isProbe: boolean): number | null {
    const isOpen = pair.pause > 0 && !isProbe;
    if (report === null || !OUTAGES.has(report.fault)) {
      pair.outages = 0;
      // what was sent before it opened closes it no more than it opens it again
      if (!isOpen) pair.pause = 0;
      return null;
    }
    const { fault, retryAfter } = report;
    const toldToWait = fault === 'throttled' || retryAfter !== null;
    pair.outages++;
    if (isOpen ? retryAfter === null : !isProbe && !toldToWait && pair.outages < TOO_MANY) return null;
    const longest = fault === 'client_refused' ? LONGEST_FOR_CLIENT : LONGEST_PAUSE;
    if (!isOpen) pair.pause = Math.min(pair.pause === 0 ? FIRST_PAUSE : pair.pause * 2, longest);
    pair.fault = fault;
    const wait = Math.max(this.#jittered(pair.pause), (retryAfter ?? 0) * 1000);
    pair.openUntil = Math.max(isOpen ? pair.openUntil : 0, this.clock.now() + wait);
    return isOpen ? null : Math.ceil(wait / 1000);
  }

  /** Up to a quarter longer, so that replicas do not probe together. */
  #jittered(pause: number): number {
    return pause * (1 + (this.randomness.bytes(1)[0] ?? 0) / 1024);
  }

  /** Those who waited too long are told so: whoever waits longest stands first. */
  #next(pair: Pair): void {
    const overdue = this.clock.now() - this.bounds.patience;
    for (let [first] = pair.queue; first !== undefined; [first] = pair.queue) {
      const kept = this.#keptAway(pair) ?? (first.since < overdue ? full : null);
      if (kept === null && pair.underWay >= this.bounds.atOnce) return;
      pair.queue.shift();
      first.settle(kept ?? this.#turn(pair));
    }
  }

  #pair(name: string): Pair {
    let pair = this.#pairs.get(name);
    if (pair === undefined) {
      pair = { outages: 0, fault: 'unreachable', pause: 0, openUntil: 0, probing: false, underWay: 0, queue: [] };
      this.#pairs.set(name, pair);
      if (this.#pairs.size > REMEMBERED) this.#forgetIdle();
    }
    return pair;
  }

  #forgetIdle(): void {
    for (const [name, { underWay, openUntil }] of this.#pairs) {
      if (underWay > 0 || openUntil > this.clock.now()) continue;
      this.#pairs.delete(name);
      return;
    }
  }
}

/** An authorization server and a client there; by another name, with another credential or at another address it is another pair (CONFORMANCE A68). */
export function pairAt({ server, client, credential }: Party, endpoint: string): string {
  return `${server.id} ${client.id} ${client.clientId} ${credential.id} ${endpoint}`;
}

const full: Kept = { kind: 'kept', by: 'concurrency_limit', fault: 'overloaded', retryAfter: 1 };
