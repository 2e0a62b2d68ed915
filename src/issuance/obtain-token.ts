import type { FaultLog } from '../access/fault-log.js';
import type { Credential, CredentialStore } from '../credentials/credential.js';
import type { Clock } from '../oauth/clock.js';
import type { Decision } from '../policy/decision.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import type { ProofsOfPossession } from '../upstreams/proofs-of-possession.js';
import { cacheKey, requestInputs } from '../upstreams/request-inputs.js';
import type { TokenWish, UpstreamFault } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { Answer } from './answer.js';
import type { Cause } from './attribution-of.js';
import { pairAt, type Circuits, type Turn } from './circuits.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';
import type { KeptTokens } from './kept-tokens.js';
import { makeWish } from './make-wish.js';
import { obtainedThrough, type Minted, type Minting, type MintToken } from './mint-token.js';
import type { RecentFailures } from './recent-failures.js';
import { OwnFlights, type SharedFlights } from './shared-flights.js';
import { SingleFlight } from './single-flight.js';
import { isFresh, type CachedToken, type LiveToken, type TokenCache } from './token-cache.js';

/** Nothing was sent, and no intent recorded: the same failed a moment ago, or the server is left alone, or too many wait for it. */
export interface NotSent {
  readonly kind: 'not_sent';
  readonly because: 'recent_failure' | 'circuit' | 'concurrency_limit';
  readonly by: 'refused' | 'failed' | 'unknown';
  readonly fault: UpstreamFault;
  readonly retryAfter: number;
}

/** live: `minted` now or not; `answer` is that of the request which asked first, if that was recorded with the token. The rest as of a mint. */
export type Obtained =
  | { readonly kind: 'live'; readonly cached: CachedToken; readonly minted: boolean; readonly answer: Answer | null }
  | Exclude<Minted, { kind: 'live' }>
  | NotSent;

/**
 * Where a token comes from that is not in memory: another replica obtained it, or the authorization server is asked. However many
 * want the same at once, it is asked once; and not at all while there is reason to leave it alone (CONFORMANCE A64–A68).
 */
export class ObtainToken {
  readonly #flights = new SingleFlight<Obtained>();

  constructor(
    private readonly credentials: CredentialStore,
    private readonly metadata: MetadataCache,
    private readonly cache: TokenCache,
    private readonly kept: KeptTokens,
    private readonly failures: RecentFailures,
    private readonly circuits: Circuits,
    private readonly mintToken: MintToken,
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
    private readonly proofs: ProofsOfPossession,
    private readonly among: SharedFlights = new OwnFlights(),
  ) {}

  /** What an allowed request wants, with the credential bound to where it is sent (CONFORMANCE A16). @throws UpstreamFailed */
  async want(context: Context, allowed: Allowed, cause: Cause = null): Promise<Minting> {
    const { server, parties } = allowed.admitted;
    const { client } = parties[0];
    const metadata = await this.metadata.get(server);
    const credential = await this.credentials.current(client.id);
    if (credential === null) throw new UpstreamFailed('credential_unavailable');
    return this.#by(credential, { context, allowed, metadata, cause });
  }

  /** The same with the version beside the one in use, while a credential rotates; null when there is none. @throws UpstreamFailed */
  async wantByOther(minting: Minting): Promise<Minting | null> {
    const other = await this.credentials.other(minting.wish.client.id);
    return other === null ? null : this.#by(other, minting);
  }

  async #by(version: Credential, asking: Pick<Minting, 'context' | 'allowed' | 'metadata' | 'cause'>): Promise<Minting> {
    const { context, allowed, metadata } = asking;
    const { server, resource, parties } = allowed.admitted;
    const { client } = parties[0];
    const wanted = { server, client, resource, scope: allowed.scope, details: allowed.details };
    const wish = await makeWish(wanted, version, metadata, this.credentials, this.proofs);
    return { ...asking, wish, cacheKey: keyOf(context, allowed, wish, metadata) };
  }

  /** Whether a token would have to be waited for, or cannot be had now: while one still lives, that one is used. */
  isHeldUp(minting: Minting): boolean {
    const { cacheKey: key } = minting;
    return this.#flights.isFlying(key) || this.failures.holding(key) !== null || !this.circuits.isFree(pairOf(minting));
  }

  /** `first` tells whether it is this request that asked. @throws UpstreamFailed, TemporarilyUnavailable, LogUnavailable */
  async obtain(minting: Minting): Promise<{ readonly first: boolean; readonly result: Obtained }> {
    const held = this.#recentFailure(minting);
    if (held !== null) return { first: false, result: held };
    return this.#flights.run(minting.cacheKey, () =>
      this.among.run(
        minting.cacheKey,
        () => this.#kept(minting, null),
        async () => this.#ask(minting, await this.circuits.enter(pairOf(minting))),
      ),
    );
  }

  /** Another token in place of one that lives, with no haste: requests that want one now come first. */
  async renew(minting: Minting, old: LiveToken): Promise<Obtained> {
    const held = this.#recentFailure(minting);
    if (held !== null) return held;
    const { result } = await this.#flights.run(minting.cacheKey, () =>
      this.among.run(
        minting.cacheKey,
        () => this.#kept(minting, old),
        () => this.#ask(minting, this.circuits.tryEnter(pairOf(minting))),
      ),
    );
    return result;
  }

  async #ask(minting: Minting, turn: ReturnType<Circuits['tryEnter']>): Promise<Obtained> {
    if (turn.kind === 'kept') {
      return { kind: 'not_sent', because: turn.by, by: 'failed', fault: turn.fault, retryAfter: turn.retryAfter };
    }
    let minted: Minted;
    try {
      minted = await this.mintToken.mint(minting);
    } catch (error) {
      turn.abandoned();
      throw error;
    }
    return this.#learn(minting, minted, turn);
  }

  #learn(minting: Minting, minted: Minted, turn: Turn): Obtained {
    const { cacheKey: key, allowed } = minting;
    switch (minted.kind) {
      case 'again':
        turn.abandoned();
        return minted;
      case 'live':
        turn.ended(null);
        this.failures.forget(key);
        this.kept.share(key, minted.live);
        return { kind: 'live', cached: this.cache.set(key, minted.live), minted: true, answer: minted.answer };
      case 'faulted': {
        const opened = turn.ended(minted.by === 'refused' ? null : minted);
        this.faultLog.write(new UpstreamTrouble(allowed, minted.fault, opened));
        return { ...minted, retryAfter: this.failures.note(key, minted, minted.retryAfter) };
      }
    }
  }

  #recentFailure({ cacheKey: key }: Minting): NotSent | null {
    const holding = this.failures.holding(key);
    return holding === null ? null : { kind: 'not_sent', because: 'recent_failure', ...holding };
  }

  /** The token that another replica obtained, or this one before it was started, if it can be served for a good while. */
  async #kept(minting: Minting, old: LiveToken | null): Promise<Obtained | null> {
    const { cacheKey: key, allowed, wish } = minting;
    const suits = (live: LiveToken): boolean =>
      isFresh(live, this.clock.now(), allowed.maxTtl) && (old === null || live.servedUntil > old.servedUntil);
    const kept = await this.kept.find(key, obtainedThrough(minting), wish, suits);
    return kept === null ? null : { kind: 'live', cached: this.cache.set(key, kept), minted: false, answer: null };
  }
}

/**
 * What the releases of a remembered decision have in common is the same each time while credential and metadata are: their key is
 * computed once. One that rests on counters is made anew each time, and so is this.
 */
const keys = new WeakMap<Decision, { readonly credential: string; readonly metadata: ServerMetadata; readonly key: string }>();

function keyOf(context: Context, allowed: Allowed, wish: TokenWish, metadata: ServerMetadata): string {
  const credential = wish.credential.id;
  const known = keys.get(allowed.decision);
  if (known?.credential === credential && known.metadata === metadata) return known.key;
  const key = cacheKey(requestInputs(wish, metadata), isolationDomain(context, allowed));
  keys.set(allowed.decision, { credential, metadata, key });
  return key;
}

/** Who may be served one and the same token: by default nobody but the run (DESIGN §3 "Isolation"). */
function isolationDomain({ run }: Context, { isolation }: Allowed): string {
  return isolation === 'run' ? `run ${run.id}` : `workflow ${run.workflow}`;
}

function pairOf({ wish, metadata }: Minting): string {
  return pairAt(wish, metadata.tokenEndpoint);
}

/** For the operator: an authorization server that refuses our client, or answers what cannot be used, is ours to mend. */
export class UpstreamTrouble extends Error {
  constructor({ admitted }: Allowed, fault: UpstreamFault, openedFor: number | null = null) {
    const alone = openedFor === null ? '' : `; it is left alone for ${openedFor} s`;
    super(
      `authorization server ${admitted.server.id}, client ${admitted.parties[0].client.id}, resource ${admitted.resource.id}: ${fault}${alone}`,
    );
    this.name = 'UpstreamTrouble';
  }
}
