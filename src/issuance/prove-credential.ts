import type { Append, EntryLog, Outcome } from '../attribution/entry-log.js';
import { LogUnavailable } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { declared, leastOfClient, type Least } from '../catalogue/look-up.js';
import type { Credential, CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import type { Clock } from '../oauth/clock.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import { suspensionThatStops } from '../suspensions/stops.js';
import type { Signing } from '../upstreams/client-assertion.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { ServerMetadata } from '../upstreams/metadata.js';
import { cacheKey, requestInputs } from '../upstreams/request-inputs.js';
import { prepareTokenRequest, sendTokenRequest, type PreparedTokenRequest } from '../upstreams/token-request.js';
import { readTokenResponse } from '../upstreams/token-response.js';
import type { TokenWish, UpstreamFault, UpstreamOutcome, UpstreamToken } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';
import { isRecorded } from './answer.js';
import { clientMembers, tokenColumns, tokenMembers } from './attribution-of.js';
import type { Facts, FactsSource } from './facts.js';
import { makeWish } from './make-wish.js';
import { EXCHANGE_DEADLINE, INTENT_DEADLINE, throughOf } from './mint-token.js';

/**
 * proven: the server issued a token to it, whatever token. not: it did not, and why; `retryAfter` in seconds is the server's own word.
 * held: nothing was asked, since it is suspended or nothing could be asked for.
 */
export type Proof =
  | { readonly kind: 'proven'; readonly issuance: string }
  | { readonly kind: 'not'; readonly fault: UpstreamFault; readonly retryAfter: number | null }
  | { readonly kind: 'held'; readonly fault: 'suspended' | 'nothing_to_ask_for' | 'facts_moving' };

const ATTEMPTS = 3;
/** Questions to the server, one after another, before it is left alone until the next time. */
const QUESTIONS = 20;
/** Milliseconds after which no further one is begun, nor all of them anew because facts have moved. */
const PATIENCE = 20_000;

/** What is said of the request alone: another may be granted. Some have no code for a resource that they do not like (CONFORMANCE Q37). */
const OF_THE_REQUEST: ReadonlySet<string> = new Set(['scope_rejected', 'target_rejected', 'request_rejected']);

interface Party {
  readonly client: Client;
  readonly server: AuthorizationServer;
  readonly credential: Credential;
}

interface Asking {
  readonly facts: Facts;
  readonly wish: TokenWish;
  readonly metadata: ServerMetadata;
  readonly issuance: string;
  readonly rotation: string;
}

/**
 * Asks for a token that nobody gets, to see that a server knows a credential: one scope of one resource, or the next where that alone
 * is refused or the resource suspended. Each with an intent and an outcome like any other, of no run, and revoked at once (a token that
 * may not be served is: RevokeDue), unless a run holds one of the same text.
 */
export class ProveCredential {
  constructor(
    private readonly facts: FactsSource,
    private readonly credentials: CredentialStore,
    private readonly metadata: MetadataCache,
    private readonly http: UpstreamHttp,
    private readonly signing: Signing,
    private readonly sealer: Sealer,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly instance: string,
  ) {}

  /** @throws LogUnavailable when the record cannot be written */
  async prove(credential: Credential, rotation: string): Promise<Proof> {
    try {
      const until = this.clock.now() + PATIENCE;
      for (let attempt = 0; attempt < ATTEMPTS && this.clock.now() <= until; attempt++) {
        const proof = await this.#attempt(credential, rotation, await this.facts.latest(), until);
        if (proof !== 'stale') return proof;
      }
      return { kind: 'held', fault: 'facts_moving' };
    } catch (error) {
      if (error instanceof UpstreamFailed) return { kind: 'not', fault: error.fault, retryAfter: null };
      throw error;
    }
  }

  async #attempt(credential: Credential, rotation: string, facts: Facts, until: number): Promise<Proof | 'stale'> {
    const client = declared(facts.catalogue.clients, credential.client);
    const server = client === null ? null : declared(facts.catalogue.authorizationServers, client.authorizationServer);
    if (client === null || server === null) return { kind: 'held', fault: 'nothing_to_ask_for' };
    const all = leastOfClient(facts.catalogue, client);
    if (all.length === 0) return { kind: 'held', fault: 'nothing_to_ask_for' };
    const open = all.filter((least) => !this.#isStopped(client, least, facts));
    const rejected = new Set<string>();
    let first: Proof | null = null;
    for (const least of open.slice(0, QUESTIONS)) {
      if (rejected.has(least.resource.id)) continue;
      const proof = await this.#ask({ client, server, credential }, least, rotation, facts);
      if (proof === 'stale' || proof.kind !== 'not' || !OF_THE_REQUEST.has(proof.fault)) return proof;
      if (proof.fault === 'target_rejected') rejected.add(least.resource.id);
      first ??= proof;
      if (this.clock.now() > until) break;
    }
    return first ?? { kind: 'held', fault: 'suspended' };
  }

  #isStopped(client: Client, { resource }: Least, { suspensions }: Facts): boolean {
    const what = { runs: [], owners: [], clients: [client.id], resource: resource.id, authorizationServer: client.authorizationServer };
    return suspensionThatStops(suspensions, what, this.clock.now()) !== null;
  }

  async #ask({ client, server, credential }: Party, least: Least, rotation: string, facts: Facts): Promise<Proof | 'stale'> {
    const metadata = await this.metadata.get(server);
    const wanted = { server, client, ...least, details: AuthorizationDetails.none };
    const wish = await makeWish(wanted, credential, metadata, this.credentials, this.signing.proofs);
    const asking = { facts, wish, metadata, rotation, issuance: newIdentifier('iss', this.clock.now(), this.randomness) };
    const prepared = await prepareTokenRequest(wish, metadata, this.signing);
    const [intended] = await this.log.append([this.#intent(asking, prepared)]);
    if (intended?.verdict === 'stale') return 'stale';
    if (!isRecorded(intended?.verdict)) throw new LogUnavailable('the intent of a proof cannot be recorded');

    const sentAt = this.clock.now();
    const outcome = readTokenResponse(wish, await sendTokenRequest(prepared, this.http, EXCHANGE_DEADLINE), sentAt);
    await this.log.append([this.#outcome(asking, outcome)]);
    return proofOf(outcome, asking.issuance);
  }

  #intent(asking: Asking, { assertionJti }: PreparedTokenRequest): Append {
    const { facts, wish, metadata, issuance } = asking;
    const members = { ...membersOf(asking), ...(assertionJti === null ? {} : { assertion: { jti: assertionJti } }) };
    return {
      entry: this.entries.make('token.requested', facts.epoch, members, columnsOf(asking)),
      epoch: facts.epoch,
      run: null,
      effect: {
        kind: 'intent',
        issuance,
        instance: this.instance,
        deadlineIn: INTENT_DEADLINE,
        run: null,
        workflow: null,
        client: wish.client.id,
        clientId: wish.client.clientId,
        authorizationServer: wish.server.id,
        resource: wish.resource.id,
        scope: wish.scope.tokens,
        credential: wish.credential.id,
        // nobody else's: a token that is there to be revoked is found by no request
        cacheKey: cacheKey(requestInputs(wish, metadata), `issuance ${issuance}`),
        isolation: 'run',
        assertionJti,
        longestLife: wish.client.maxTokenLife * 1000,
      },
      counters: [],
      decisionInput: null,
    };
  }

  /** What has happened is recorded whatever became of the facts meanwhile. */
  #outcome(asking: Asking, outcome: UpstreamOutcome): Append {
    const { facts, wish, issuance } = asking;
    const token = outcome.kind === 'token' || outcome.kind === 'refused' ? outcome.token : null;
    const state = outcome.kind === 'token' ? 'issued' : outcome.kind;
    const members = {
      ...membersOf(asking),
      ...(outcome.kind === 'token' ? {} : { fault: outcome.fault }),
      ...(token === null
        ? {}
        : {
            ...tokenMembers(token, token.issuedAt),
            scope: { decided: wish.scope.tokens, granted: token.granted.tokens },
            // none is asked for
            ...(token.grantedDetails.isEmpty ? {} : { authorization_details: { granted: token.grantedDetails.elements } }),
          }),
    };
    const columns = { ...columnsOf(asking), ...(token === null ? {} : tokenColumns(token)) };
    return {
      entry: this.entries.make(`token.${state}`, facts.epoch, members, columns),
      epoch: null,
      run: null,
      effect: { kind: 'outcome', issuance, state, token: token === null ? null : this.#kept(issuance, token) },
      counters: [],
      decisionInput: null,
    };
  }

  /** Served until it was issued, which is never. */
  #kept(issuance: string, token: UpstreamToken): NonNullable<Outcome['token']> {
    const { sha256, jti, issuedAt, expiresAt, audience, binding } = token;
    const sealed = this.sealer.seal(`issuance ${issuance}`, token.text);
    const granted = { granted: token.granted.tokens, grantedDetails: token.grantedDetails.toKept() };
    return { sha256, jti, sealed, issuedAt, expiresAt, servedUntil: issuedAt, ...granted, audience, binding };
  }
}

/** A token that must not be used was issued to a client that was believed: for its credential that is proof enough. */
function proofOf(outcome: UpstreamOutcome, issuance: string): Proof {
  if (outcome.kind === 'token' || (outcome.kind === 'refused' && outcome.token !== null)) return { kind: 'proven', issuance };
  return { kind: 'not', fault: outcome.fault, retryAfter: outcome.kind === 'refused' ? null : outcome.retryAfter };
}

/** The allow-list of what entries of a proof say: as of any token, but of no run. */
function membersOf({ wish, metadata, issuance, rotation }: Asking): EntryMembers {
  const { resource, scope } = wish;
  return {
    cause: 'rotation',
    rotation,
    issuance,
    ...clientMembers(throughOf({ wish, metadata })),
    resource: { id: resource.id, uri: resource.uri },
    scope: { decided: scope.tokens },
  };
}

function columnsOf({ wish, issuance }: Asking): { client: string; resource: string; issuance: string } {
  return { client: wish.client.id, resource: wish.resource.id, issuance };
}
