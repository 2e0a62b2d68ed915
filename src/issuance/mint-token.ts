import { setTimeout as delay } from 'node:timers/promises';
import { LogUnavailable, type Append, type Appended, type EntryLog, type Outcome, type Verdict } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Sealer } from '../credentials/sealer.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { Clock } from '../oauth/clock.js';
import type { Signing } from '../upstreams/client-assertion.js';
import { endpointsFor } from '../upstreams/endpoints.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import { prepareTokenRequest, sendTokenRequest, type PreparedTokenRequest } from '../upstreams/token-request.js';
import { readTokenResponse } from '../upstreams/token-response.js';
import type { TokenWish, UpstreamFault, UpstreamOutcome, UpstreamToken } from '../upstreams/token.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';
import { isRecorded, type Answer } from './answer.js';
import {
  causeMembers,
  clientMembers,
  extentMembers,
  requestColumns,
  requestMembers,
  tokenColumns,
  tokenMembers,
  type Cause,
  type Through,
} from './attribution-of.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';
import type { ObtainedThrough } from './kept-tokens.js';
import { answerOfRelease, isBoundToUs, prepareRelease, type PreparedRelease } from './release-token.js';
import type { Attempt, IssuanceStore } from './issuance-store.js';
import type { LearnAudience } from './learn-audience.js';
import type { RevokeToken } from './revoke-token.js';
import type { LiveToken } from './token-cache.js';

/** What is sent, and where. */
type Sent = Pick<Minting, 'wish' | 'metadata'>;

/** One token that is wanted, with all that its request will say. */
export interface Minting {
  readonly context: Context;
  readonly allowed: Allowed;
  readonly wish: TokenWish;
  readonly metadata: ServerMetadata;
  readonly cacheKey: string;
  readonly cause: Cause;
}

/** live: it is recorded, and `answer` is that of the request which asked first, if that was recorded with it. faulted: why there is none. again: decide again. */
export type Minted =
  | { readonly kind: 'live'; readonly live: LiveToken; readonly answer: Answer | null }
  | {
      readonly kind: 'faulted';
      readonly by: 'refused' | 'failed' | 'unknown';
      readonly fault: UpstreamFault;
      readonly retryAfter: number | null;
      readonly entry: string | null;
      /** What was issued all the same, and is not to be used. */
      readonly token: UpstreamToken | null;
    }
  | { readonly kind: 'again'; readonly verdict: Verdict };

/** Milliseconds: for the exchange with the authorization server, and from when on anyone may close the intent as unknown. */
export const EXCHANGE_DEADLINE = 10_000;
export const INTENT_DEADLINE = 20_000;
/** Milliseconds between two attempts to record that a token is unwanted. */
const AGAIN = 1_000;

/** One attempt at an authorization server: a durable intent, the exchange, exactly one outcome (DESIGN §7 "Intents"). */
export class MintToken {
  constructor(
    private readonly http: UpstreamHttp,
    private readonly signing: Signing,
    private readonly sealer: Sealer,
    private readonly revokeToken: RevokeToken,
    private readonly learnAudience: LearnAudience,
    private readonly issuances: IssuanceStore,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly instance: string,
  ) {}

  /**
   * A server that wants another nonce is asked once more, as an attempt of its own (RFC 9449 §8, CONFORMANCE A33). Where that cannot be
   * recorded as decided, the first answer stands, and the next request begins with the nonce.
   * @throws UpstreamFailed before anything is recorded; LogUnavailable when the record cannot be written
   */
  async mint(minting: Minting): Promise<Minted> {
    const minted = await this.#attempt(minting);
    if (minted.kind !== 'faulted' || minted.fault !== 'nonce_required' || minting.wish.proofKey === undefined) return minted;
    const again = await this.#attempt(minting);
    return again.kind === 'again' ? minted : again;
  }

  async #attempt(minting: Minting): Promise<Minted> {
    const issuance = newIdentifier('iss', this.clock.now(), this.randomness);
    const prepared = await prepareTokenRequest(minting.wish, minting.metadata, this.signing);
    const [intended] = await this.log.append([this.#intent(minting, issuance, prepared)]);
    if (!isRecorded(intended?.verdict)) return { kind: 'again', verdict: intended?.verdict ?? 'bad' };

    const sentAt = this.clock.now();
    const answer = await sendTokenRequest(prepared, this.http, EXCHANGE_DEADLINE);
    const read = readTokenResponse(minting.wish, answer, sentAt);
    const outcome = await this.learnAudience.learn(minting.wish, minting.metadata, read);
    return outcome.kind === 'token' ? this.#issued(minting, issuance, outcome.token) : this.#withoutToken(minting, issuance, outcome);
  }

  /** The outcome and the release to whom asked first share a flush. */
  async #issued(minting: Minting, issuance: string, token: UpstreamToken): Promise<Minted> {
    const { context, allowed } = minting;
    const live: LiveToken = {
      issuance,
      token,
      servedUntil: servedUntilOf(minting, token),
      ...obtainedThrough(minting),
    };
    const release = this.#release(minting, live);
    const outcome = this.#outcome(minting, issuance, 'issued', token, {
      ...extentMembers(context, allowed, token),
      ...tokenMembers(token, rowServedUntil(minting, live)),
    });
    const [recorded, released] = await this.#appendOutcome(minting, issuance, token, [outcome, ...appendOf(release)]);
    if (recorded?.verdict === 'reused') return this.#reused(minting, issuance, token);
    if (!isRecorded(recorded?.verdict)) return { kind: 'faulted', by: 'unknown', fault: 'timeout', retryAfter: null, entry: null, token };
    return { kind: 'live', live, answer: answerTo(release, released) };
  }

  /** To whom asked first; nobody is handed a renewal, a check, or what is bound to a key of ours. */
  #release({ context, allowed, cause }: Minting, live: LiveToken): PreparedRelease | null {
    return cause === null && !isBoundToUs(live.token) ? prepareRelease(context, allowed, live, false, this.entries) : null;
  }

  /**
   * The server gave a text that somebody else holds, or that was taken back. Nobody else gets it (DESIGN §3 "Isolation"), unless the
   * profile says that it reuses tokens: then the issuance that has the text is released to this run too, and is from then on shared by
   * both. Never between workflows: who asks about a token is told its workflow. Never for another resource or through another client: what
   * stops those would not find it. Never with a check, whose token is revoked at once.
   */
  async #reused(minting: Minting, issuance: string, token: UpstreamToken): Promise<Minted> {
    const { context, allowed, wish } = minting;
    const mayShare = wish.server.profile.reusesTokens && minting.cause !== 'check';
    const held = mayShare ? await this.issuances.liveOfText(token.sha256) : null;
    if (held !== null && isForTheSame(held, minting)) {
      const servedUntil = Math.min(held.servedUntil, servedUntilOf(minting, token));
      const live: LiveToken = { issuance: held.issuance, token, servedUntil, ...obtainedThrough(minting) };
      const release = this.#release(minting, live);
      const members = {
        shared_with: held.issuance,
        ...extentMembers(context, allowed, token),
        ...tokenMembers(token, servedUntil),
      };
      const outcome = this.#outcome(minting, issuance, 'issued', token, members, { sharedWith: held.issuance });
      const [recorded, released] = await this.log.append([outcome, ...appendOf(release)]);
      if (isRecorded(recorded?.verdict)) return { kind: 'live', live, answer: answerTo(release, released) };
    }
    const members = {
      fault: 'token_reused',
      ...extentMembers(context, allowed, token),
      ...tokenMembers(token, token.issuedAt),
    };
    // a text that may be handed out from the other issuance is left to that, and revoked with it; else it is revoked (append_outcome)
    const append = this.#outcome(minting, issuance, 'refused', token, members);
    const [recorded] = await this.log.append([append]);
    const entry = isRecorded(recorded?.verdict) ? append.entry.id : null;
    return { kind: 'faulted', by: 'refused', fault: 'token_reused', retryAfter: null, entry, token };
  }

  async #withoutToken(minting: Minting, issuance: string, outcome: Exclude<UpstreamOutcome, { kind: 'token' }>): Promise<Minted> {
    const token = outcome.kind === 'refused' ? outcome.token : null;
    const append = this.#outcome(minting, issuance, outcome.kind, token, {
      fault: outcome.fault,
      ...extentMembers(minting.context, minting.allowed, token),
      ...(token === null ? {} : tokenMembers(token, token.issuedAt)),
    });
    const [recorded] = await this.#appendOutcome(minting, issuance, token, [append]);
    const entry = isRecorded(recorded?.verdict) ? append.entry.id : null;
    return {
      kind: 'faulted',
      by: outcome.kind,
      fault: outcome.fault,
      retryAfter: outcome.kind === 'refused' ? null : outcome.retryAfter,
      entry,
      token,
    };
  }

  /** When the outcome cannot be written, nobody gets the token and it is revoked at once (CONFORMANCE B45). */
  async #appendOutcome(
    minting: Minting,
    issuance: string,
    token: UpstreamToken | null,
    items: readonly Append[],
  ): Promise<readonly Appended[]> {
    // a text that its server is known to repeat may be that of a run, which only the record can tell: it is left alone
    const unwanted = minting.wish.server.profile.reusesTokens ? null : token;
    try {
      const appended = await this.log.append(items);
      if (unwanted !== null && appended[0]?.verdict === 'bad') await this.#revokeNow(minting, unwanted);
      return appended;
    } catch (error) {
      if (unwanted !== null) {
        void this.#takeBack(minting, issuance, unwanted);
        await this.#revokeNow(minting, unwanted);
      }
      throw error;
    }
  }

  /** As well as it goes: where the record cannot be reached until then, the intent is closed as unknown and listed as exposure. */
  async #revokeNow({ wish, metadata }: Minting, { text }: UpstreamToken): Promise<void> {
    await this.revokeToken.revoke(wish, metadata, text).catch(() => undefined);
  }

  /**
   * What was not answered may be recorded all the same, sooner or later, and then the token is live there. What comes after that is late
   * and takes it back; what comes before it closes the intent. Either way the token is kept to be revoked.
   */
  async #takeBack(minting: Minting, issuance: string, token: UpstreamToken): Promise<void> {
    const { context, allowed } = minting;
    const members = { fault: 'not_recorded', ...extentMembers(context, allowed, token), ...tokenMembers(token, token.issuedAt) };
    const append = this.#outcome(minting, issuance, 'refused', token, members);
    for (let waited = 0; waited < INTENT_DEADLINE; waited += AGAIN) {
      await delay(AGAIN, undefined, { ref: false });
      const isTold = await this.log.append([append]).then(
        () => true,
        () => false,
      );
      if (isTold) return;
    }
  }

  #intent(minting: Minting, issuance: string, prepared: PreparedTokenRequest): Append {
    const { context, allowed, wish, cacheKey } = minting;
    const { run, facts } = context;
    const entry = this.entries.make(
      'token.requested',
      facts.epoch,
      {
        ...requestMembers(context, allowed.decision),
        ...causeMembers(minting.cause),
        issuance,
        ...clientMembers(throughOf(minting)),
        ...extentMembers(context, allowed, null),
        ...(prepared.assertionJti === null ? {} : { assertion: { jti: prepared.assertionJti } }),
      },
      { ...requestColumns(context, allowed.decision), client: wish.client.id, issuance },
    );
    return {
      entry,
      epoch: facts.epoch,
      run: { id: run.id, credential: run.credential.id },
      effect: {
        kind: 'intent',
        issuance,
        instance: this.instance,
        deadlineIn: INTENT_DEADLINE,
        run: run.id,
        workflow: run.workflow,
        client: wish.client.id,
        clientId: wish.client.clientId,
        authorizationServer: wish.server.id,
        resource: wish.resource.id,
        scope: allowed.scope.tokens,
        credential: wish.credential.id,
        cacheKey,
        isolation: allowed.isolation,
        assertionJti: prepared.assertionJti,
        longestLife: wish.client.maxTokenLife * 1000,
      },
      counters: allowed.counters,
      decisionInput: allowed.input,
    };
  }

  /** What has happened is recorded whatever became of facts and run meanwhile. `elsewhere`: another issuance keeps the token's text. */
  #outcome(
    minting: Minting,
    issuance: string,
    state: Outcome['state'],
    token: UpstreamToken | null,
    members: ReturnType<typeof extentMembers>,
    elsewhere?: { readonly sharedWith?: string },
  ): Append {
    const { context, allowed, wish } = minting;
    const type = `token.${state}` as const;
    const entry = this.entries.make(
      type,
      context.facts.epoch,
      {
        ...requestMembers(context, allowed.decision),
        ...causeMembers(minting.cause),
        issuance,
        ...clientMembers(throughOf(minting)),
        ...members,
      },
      { ...requestColumns(context, allowed.decision), client: wish.client.id, issuance, ...(token === null ? {} : tokenColumns(token)) },
    );
    const servedUntil = token === null || state !== 'issued' ? 0 : rowServedUntil(minting, { servedUntil: servedUntilOf(minting, token) });
    return {
      entry,
      epoch: null,
      run: null,
      effect: {
        kind: 'outcome',
        issuance,
        state,
        ...elsewhere,
        token:
          token && elsewhere === undefined
            ? {
                sha256: token.sha256,
                jti: token.jti,
                sealed: this.sealer.seal(`issuance ${issuance}`, token.text),
                issuedAt: token.issuedAt,
                expiresAt: token.expiresAt,
                servedUntil: Math.max(servedUntil, token.issuedAt),
                granted: token.granted.tokens,
                grantedDetails: token.grantedDetails.toKept(),
                audience: token.audience,
                binding: token.binding,
                ...(wish.server.profile.reusesTokens ? { reuses: true } : {}),
              }
            : null,
      },
      counters: [],
      decisionInput: null,
    };
  }
}

function isForTheSame(held: Attempt, { context, wish }: Minting): boolean {
  const isThere = held.authorizationServer === wish.server.id && held.resource === wish.resource.id;
  return isThere && held.client === wish.client.id && held.workflow === context.run.workflow;
}

function appendOf(release: PreparedRelease | null): readonly Append[] {
  return release === null ? [] : [release.append];
}

function answerTo(release: PreparedRelease | null, released: Appended | undefined): Answer | null {
  if (release === null) return null;
  if (released === undefined) throw new LogUnavailable('a release got no verdict');
  return answerOfRelease(release, released);
}

/** No release after this. What a check brought is released to nobody, so that nobody shares it either. */
function servedUntilOf({ allowed, cause }: Minting, token: UpstreamToken): number {
  return cause === 'check' ? token.issuedAt : Math.min(token.usableUntil, token.issuedAt + allowed.maxTtl * 1000);
}

/** A token of one run is over with that run; one that runs share lives on with the others. */
function rowServedUntil({ context, allowed }: Minting, live: Pick<LiveToken, 'servedUntil'>): number {
  return allowed.isolation === 'run' ? Math.min(live.servedUntil, context.run.expiresAt) : live.servedUntil;
}

export function obtainedThrough({ wish, metadata }: Sent): ObtainedThrough {
  const { credential } = wish;
  const kid = 'kid' in credential ? credential.kid : null;
  return { tokenEndpoint: endpointsFor(wish, metadata).tokenEndpoint, credential: { id: credential.id, kid } };
}

export function throughOf(sent: Sent): Through {
  const { server, client } = sent.wish;
  return { issuer: server.issuer, clientId: client.clientId, method: client.method, ...obtainedThrough(sent) };
}
