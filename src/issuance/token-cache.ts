import type { UpstreamToken } from '../upstreams/token.js';

/** A live issuance that may be released. `servedUntil` is in milliseconds: no release after it. */
export interface LiveToken {
  readonly issuance: string;
  readonly token: UpstreamToken;
  readonly servedUntil: number;
  readonly tokenEndpoint: string;
  readonly credential: { readonly id: string; readonly kid: string | null };
}

const REMEMBERED = 20_000;
/** The share of its time after which a token is no longer served but fetched anew. */
const FRESH = 0.9;

/** Live tokens by the hash of everything that went into their request. Bounded: the oldest is forgotten first. */
export class TokenCache {
  readonly #tokens = new Map<string, LiveToken>();

  /** A token that may still be served for a good while under `maxTtl` (seconds); never an expired one. `now` in milliseconds. */
  get(key: string, now: number, maxTtl: number): LiveToken | null {
    const live = this.#tokens.get(key);
    if (live === undefined) return null;
    const { issuedAt } = live.token;
    return now < issuedAt + Math.min(live.servedUntil - issuedAt, maxTtl * 1000) * FRESH ? live : null;
  }

  set(key: string, live: LiveToken): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, live);
    if (this.#tokens.size > REMEMBERED) this.#tokens.delete(this.#tokens.keys().next().value ?? key);
  }

  /** Forgets the token under this key if it is this issuance's. */
  drop(key: string, issuance: string): void {
    if (this.#tokens.get(key)?.issuance === issuance) this.#tokens.delete(key);
  }
}
