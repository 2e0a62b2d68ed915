import type { Sealer } from '../credentials/sealer.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { Scope } from '../oauth/scope.js';
import type { TokenWish } from '../upstreams/token.js';
import type { IssuanceStore, LiveIssuance } from './issuance-store.js';
import type { SharedToken, SharedTokens } from './shared-tokens.js';
import type { LiveToken } from './token-cache.js';

/** More are asked for anew. */
const AT_MOST = 20_000;

/** What an issuance was obtained through, as whoever asks for the same knows it: the cache key says that it is the same. */
export type ObtainedThrough = Pick<LiveToken, 'tokenEndpoint' | 'credential'>;

/**
 * Live tokens that were not obtained by this process, so that neither a restart nor another replica costs a run its token: a process
 * that is alone with its database loads those of the time before it, and knows all others; one among several looks each time, first where
 * they tell each other, if they do.
 */
export class KeptTokens {
  readonly #kept = new Map<string, LiveIssuance>();

  constructor(
    private readonly issuances: IssuanceStore,
    private readonly sealer: Sealer,
    private readonly alone: boolean,
    private readonly shared: SharedTokens | null = null,
  ) {}

  async load(): Promise<void> {
    if (!this.alone) return;
    for (const live of await this.issuances.live(AT_MOST)) this.#kept.set(live.cacheKey, live);
  }

  /** The token under this key, if it suits whoever asks. Whether it may still be released is for the record to say. */
  async find(key: string, through: ObtainedThrough, wish: TokenWish, suits: (live: LiveToken) => boolean): Promise<LiveToken | null> {
    const shared = (await this.shared?.find(key)) ?? null;
    const told = shared === null ? null : liveToken(shared, through, wish);
    if (told !== null && suits(told)) return told;
    const kept = this.alone ? this.#kept.get(key) : (await this.issuances.live(1, key))[0];
    if (kept === undefined) return null;
    this.#kept.delete(key);
    const opened = { ...kept, text: this.sealer.open(`issuance ${kept.issuance}`, kept.sealed) };
    const live = liveToken(opened, through, wish);
    if (!suits(live)) return null;
    this.shared?.put(key, opened);
    return live;
  }

  /** Tells others of a token that was obtained here. */
  share(key: string, { issuance, token, servedUntil }: LiveToken): void {
    this.shared?.put(key, {
      issuance,
      servedUntil,
      text: token.text,
      tokenSha256: token.sha256,
      tokenJti: token.jti,
      issuedAt: token.issuedAt,
      expiresAt: token.expiresAt,
      granted: token.granted.tokens,
      grantedDetails: token.grantedDetails.toKept(),
      audience: token.audience,
      binding: token.binding,
    });
  }
}

function liveToken(kept: SharedToken, through: ObtainedThrough, wish: TokenWish): LiveToken {
  const { issuance, text, issuedAt, expiresAt, servedUntil, audience, binding } = kept;
  const token = {
    text,
    sha256: kept.tokenSha256,
    type: wish.proofKey === undefined ? 'Bearer' : 'DPoP',
    binding,
    jti: kept.tokenJti,
    issuedAt,
    expiresAt,
    usableUntil: servedUntil,
    granted: Scope.of(kept.granted),
    grantedDetails: AuthorizationDetails.restore(kept.grantedDetails),
    audience,
  } as const;
  return { issuance, token, servedUntil, ...through };
}
