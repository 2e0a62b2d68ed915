import type { FaultLog } from '../access/fault-log.js';
import type { EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Credential, CredentialStore } from '../credentials/credential.js';
import type { Clock } from '../oauth/clock.js';
import type { Decision } from '../policy/decision.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import { originOf, type ServerMetadata } from '../upstreams/metadata.js';
import { cacheKey, requestInputs } from '../upstreams/request-inputs.js';
import type { TokenWish, UpstreamFault } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { Answer } from './answer.js';
import type { Context } from './context.js';
import type { Allowed } from './decided.js';
import { errorOfFault } from './errors-of.js';
import type { KeptTokens } from './kept-tokens.js';
import { credentialOf, type Minted, type MintToken } from './mint-token.js';
import type { RecentFailures } from './recent-failures.js';
import { answerOfRelease, prepareRelease } from './release-token.js';
import { SingleFlight } from './single-flight.js';
import type { LiveToken, TokenCache } from './token-cache.js';

/**
 * Gives an allowed request its token: the live one of its isolation domain, or a new one from the authorization server.
 * However many ask for the same at once, the server is asked once.
 */
export class Fulfil {
  readonly #flights = new SingleFlight<Minted>();

  constructor(
    private readonly credentials: CredentialStore,
    private readonly metadata: MetadataCache,
    private readonly cache: TokenCache,
    private readonly kept: KeptTokens,
    private readonly failures: RecentFailures,
    private readonly mintToken: MintToken,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
  ) {}

  async fulfil(context: Context, allowed: Allowed): Promise<Answer> {
    try {
      const { wish, metadata } = await this.#wish(allowed);
      const key = keyOf(context, allowed, wish, metadata);
      const live = this.cache.get(key, this.clock.now(), allowed.maxTtl);
      return live === null ? await this.#fetch(context, allowed, wish, metadata, key) : await this.#release(context, allowed, live, key);
    } catch (error) {
      if (!(error instanceof UpstreamFailed)) throw error;
      this.faultLog.write(new UpstreamTrouble(allowed, error.fault));
      return { kind: 'turned_away', error: errorOfFault('failed', error.fault, null, null) };
    }
  }

  async #fetch(context: Context, allowed: Allowed, wish: TokenWish, metadata: ServerMetadata, key: string): Promise<Answer> {
    const holding = this.failures.holding(key);
    if (holding !== null) return { kind: 'turned_away', error: errorOfFault(holding.by, holding.fault, holding.retryAfter, null) };
    const { first, result } = await this.#flights.run(key, async () => {
      const kept = await this.#kept(key, allowed, wish, metadata);
      if (kept !== null) return { kind: 'live', live: kept, answer: null };
      const minted = await this.mintToken.mint({ context, allowed, wish, metadata, cacheKey: key });
      this.#remember(key, minted);
      if (minted.kind === 'faulted') this.faultLog.write(new UpstreamTrouble(allowed, minted.fault));
      return minted;
    });
    switch (result.kind) {
      case 'again':
        return result;
      case 'faulted': {
        const retryAfter = this.failures.holding(key)?.retryAfter ?? result.retryAfter;
        return { kind: 'turned_away', error: errorOfFault(result.by, result.fault, retryAfter, first ? result.entry : null) };
      }
      case 'live':
        return first && result.answer !== null ? result.answer : this.#release(context, allowed, result.live, key);
    }
  }

  /** The token that another replica obtained, or this one before it was started, if it can be served for a good while. */
  async #kept(key: string, { maxTtl }: Allowed, wish: TokenWish, { tokenEndpoint }: ServerMetadata): Promise<LiveToken | null> {
    const kept = await this.kept.find(key, { tokenEndpoint, credential: credentialOf(wish) });
    if (kept === null) return null;
    this.cache.set(key, kept);
    return this.cache.get(key, this.clock.now(), maxTtl);
  }

  #remember(key: string, minted: Minted): void {
    if (minted.kind === 'live') {
      this.cache.set(key, minted.live);
      this.failures.forget(key);
    }
    if (minted.kind === 'faulted') this.failures.note(key, minted, minted.retryAfter);
  }

  /** Each release is an entry of its own, also of a token that was there already. */
  async #release(context: Context, allowed: Allowed, live: LiveToken, key: string): Promise<Answer> {
    const release = prepareRelease(context, allowed, live, true, this.entries);
    const [appended] = await this.log.append([release.append]);
    const answer: Answer = appended === undefined ? { kind: 'again', verdict: 'bad' } : answerOfRelease(release, appended);
    if (answer.kind === 'again' && answer.verdict === 'not_live') this.cache.drop(key, live.issuance);
    return answer;
  }

  /** The wish, with the credential bound to where it is sent (CONFORMANCE A16). @throws UpstreamFailed */
  async #wish({ admitted, scope, details }: Allowed): Promise<{ wish: TokenWish; metadata: ServerMetadata }> {
    const { server, resource, parties } = admitted;
    const { client } = parties[0];
    const metadata = await this.metadata.get(server);
    const credential = await this.#boundCredential(client.id, metadata);
    return { wish: { server, client, credential, resource, scope, details }, metadata };
  }

  async #boundCredential(client: string, metadata: ServerMetadata): Promise<Credential> {
    const credential = await this.credentials.current(client);
    if (credential === null) throw new UpstreamFailed('credential_unavailable');
    if (credential.tokenEndpointOrigin !== null) return credential;
    const origin = originOf(metadata.tokenEndpoint);
    if (origin === null) throw new UpstreamFailed('metadata_invalid');
    return { ...credential, tokenEndpointOrigin: await this.credentials.bind(credential.id, origin) };
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

/** For the operator: an authorization server that refuses our client, or answers what cannot be used, is ours to mend. */
class UpstreamTrouble extends Error {
  constructor({ admitted }: Allowed, fault: UpstreamFault) {
    super(
      `authorization server ${admitted.server.id}, client ${admitted.parties[0].client.id}, resource ${admitted.resource.id}: ${fault}`,
    );
    this.name = 'UpstreamTrouble';
  }
}

/** Who may be served one and the same token: by default nobody but the run (DESIGN §3 "Isolation"). */
function isolationDomain({ run }: Context, { isolation }: Allowed): string {
  return isolation === 'run' ? `run ${run.id}` : `workflow ${run.workflow}`;
}
