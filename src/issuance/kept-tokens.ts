import type { Sealer } from '../credentials/sealer.js';
import { Scope } from '../oauth/scope.js';
import type { IssuanceStore, LiveIssuance } from './issuance-store.js';
import type { LiveToken } from './token-cache.js';

/** More are asked for anew. */
const AT_MOST = 20_000;

/** What an issuance was obtained through, as whoever asks for the same knows it: the cache key says that it is the same. */
export type ObtainedThrough = Pick<LiveToken, 'tokenEndpoint' | 'credential'>;

/** Live tokens of the time before this process, so that a restart costs no run its token. Each is opened when it is asked for. */
export class KeptTokens {
  readonly #kept = new Map<string, LiveIssuance>();

  constructor(
    private readonly issuances: IssuanceStore,
    private readonly sealer: Sealer,
  ) {}

  /** Gives how many there are. */
  async load(): Promise<number> {
    for (const live of await this.issuances.live(AT_MOST)) this.#kept.set(live.cacheKey, live);
    return this.#kept.size;
  }

  /** The token under this key, once. Whether it may still be released is for the record to say. */
  take(key: string, through: ObtainedThrough): LiveToken | null {
    const kept = this.#kept.get(key);
    if (kept === undefined) return null;
    this.#kept.delete(key);
    const { issuance, servedUntil, issuedAt, expiresAt, audience } = kept;
    const token = {
      text: this.sealer.open(`issuance ${issuance}`, kept.sealed),
      sha256: kept.tokenSha256,
      type: 'Bearer',
      jti: kept.tokenJti,
      issuedAt,
      expiresAt,
      usableUntil: servedUntil,
      granted: Scope.of(kept.granted),
      audience,
    } as const;
    return { issuance, token, servedUntil, ...through };
  }
}
