import type { Randomness } from '../oauth/identifier.js';
import type { Run } from '../runs/run.js';
import type { UpstreamToken } from '../upstreams/token.js';
import type { SharedTokens } from './shared-tokens.js';
import type { Asked } from './token-request.js';

/** A live issuance that may be released. `servedUntil` is in milliseconds: no release after it. */
export interface LiveToken {
  readonly issuance: string;
  readonly token: UpstreamToken;
  readonly servedUntil: number;
  readonly tokenEndpoint: string;
  readonly credential: { readonly id: string; readonly kid: string | null };
}

/** A live token in memory. */
export interface CachedToken {
  readonly live: LiveToken;
  /** When it is renewed if it is in use, in milliseconds since 1970. */
  readonly renewFrom: number;
  /** Who was handed it last, and by which request; null while nobody was since it is there. A release writes them and nothing else. */
  usedBy: Run | null;
  asked: Asked | null;
}

const REMEMBERED = 20_000;
/** The share of its time after which a request would rather have another one. */
const FRESH = 0.9;
/** The share of its time after which one in use is renewed, and up to how much later: each replica and each token at another time. */
const RENEWED = 0.7;
const JITTER = 0.1;
/** Milliseconds before its end in which nobody is handed it any more: `expires_in` could not be a second. */
const LAST = 1_000;

/** Live tokens by the hash of everything that went into their request. Bounded: the oldest is forgotten first. */
export class TokenCache {
  readonly #tokens = new Map<string, CachedToken>();

  /** `shared`: where other processes find them too; null for nowhere. */
  constructor(
    private readonly randomness: Randomness,
    private readonly shared: SharedTokens | null = null,
  ) {}

  /** A token that may still be handed out under `maxTtl` (seconds); never an expired one. `now` in milliseconds. */
  get(key: string, now: number, maxTtl: number): CachedToken | null {
    const cached = this.#tokens.get(key);
    return cached !== undefined && now + LAST < endOf(cached.live, maxTtl) ? cached : null;
  }

  set(key: string, live: LiveToken): CachedToken {
    const before = this.#tokens.get(key);
    const cached = { live, renewFrom: this.#renewFrom(live, before?.live), usedBy: null, asked: null };
    this.#tokens.delete(key);
    this.#tokens.set(key, cached);
    if (this.#tokens.size > REMEMBERED) this.#tokens.delete(this.#tokens.keys().next().value ?? key);
    return cached;
  }

  /** Forgets the token under this key if it is this issuance's, and has others forget it. */
  drop(key: string, issuance: string): void {
    this.shared?.drop(key, issuance);
    if (this.#tokens.get(key)?.live.issuance === issuance) this.#tokens.delete(key);
  }

  /** Those in use that are to be renewed, with their keys. Those that are over are forgotten. */
  due(now: number): readonly (readonly [key: string, cached: CachedToken])[] {
    const due: (readonly [string, CachedToken])[] = [];
    for (const [key, cached] of this.#tokens) {
      if (cached.live.servedUntil <= now) this.#tokens.delete(key);
      else if (cached.usedBy !== null && cached.renewFrom <= now) due.push([key, cached]);
    }
    return due;
  }

  /** A server that gives the same text until it is over is not asked sooner for it. */
  #renewFrom({ token, servedUntil }: LiveToken, before: LiveToken | undefined): number {
    if (before?.token.sha256 === token.sha256) return Infinity;
    const random = (this.randomness.bytes(1)[0] ?? 0) / 256;
    return token.issuedAt + (servedUntil - token.issuedAt) * (RENEWED + JITTER * random);
  }
}

/** Whether a token will serve for a good while yet under `maxTtl` (seconds). */
export function isFresh(live: LiveToken, now: number, maxTtl: number): boolean {
  const { issuedAt } = live.token;
  return now < issuedAt + (endOf(live, maxTtl) - issuedAt) * FRESH;
}

function endOf({ token, servedUntil }: LiveToken, maxTtl: number): number {
  return Math.min(servedUntil, token.issuedAt + maxTtl * 1000);
}
