import type { FaultLog } from '../access/fault-log.js';
import { byItself, type Append, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import { timestamp, type Clock } from '../oauth/clock.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { RevocationOutcome } from '../upstreams/revocation.js';
import type { UpstreamFault } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import { workPace, type Retries } from '../work/retries.js';
import type { Facts, FactsSource } from './facts.js';
import { whoOf, type Attempt, type DueRevocation, type ExpiredRevocation, type IssuanceStore } from './issuance-store.js';
import type { RevokeToken } from './revoke-token.js';

/** Of each client. */
const AT_ONCE = 20;
/** Milliseconds after which a revocation that nobody reported on is taken up again. */
const LEASE = 30_000;

/** What became of one that was due. lost: nothing can be sent for it any more, and it ends by itself. */
export type DueOutcome = RevocationOutcome | { readonly kind: 'lost'; readonly fault: UpstreamFault };

/** What an entry about the revocation of a token tells of it. */
type Revocable = Attempt & Pick<DueRevocation, 'tokenSha256' | 'expiresAt'>;

/**
 * Revokes at their servers the tokens that may be released no more. Each is not live in our record already, so that this may
 * take its time; it is tried until it succeeds, the token is dead, or it is given up. That a token died unrevoked is recorded.
 *
 * Those of each client are revoked by themselves, and a client whose server is not to be asked for a while is left out meanwhile: a server
 * that is down or busy holds up nobody else's.
 */
export class RevokeDue {
  /** What is under way, by client. */
  readonly #lanes = new Map<string, Promise<void>>();
  /** Clients that are left alone until then, in milliseconds since 1970. */
  readonly #leftAlone = new Map<string, number>();
  #isEnding = false;

  constructor(
    private readonly facts: FactsSource,
    private readonly issuances: IssuanceStore,
    private readonly credentials: CredentialStore,
    private readonly metadata: MetadataCache,
    private readonly revokeToken: RevokeToken,
    private readonly sealer: Sealer,
    private readonly log: EntryLog,
    private readonly entries: EntryMaker,
    private readonly retries: Pick<Retries, 'failed'>,
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
  ) {}

  /** Begins those that are due and waits for no server. Gives whether there may be more to begin at once. */
  async turn(): Promise<boolean> {
    this.#isEnding = false;
    const served = await this.issuances.withdrawServed(AT_ONCE);
    const now = this.clock.now();
    for (const [client, until] of this.#leftAlone) if (until <= now) this.#leftAlone.delete(client);
    const due = await this.issuances.takeDueRevocations(AT_ONCE, LEASE, { but: [...this.#lanes.keys(), ...this.#leftAlone.keys()] });
    for (const client of new Set(due.map((one) => one.client))) {
      const own = due.filter((one) => one.client === client);
      const lane = this.#lane(client, own)
        .catch((error: unknown) => this.faultLog.write(error))
        .finally(() => this.#lanes.delete(client));
      this.#lanes.set(client, lane);
    }
    const expired = await this.#noteExpired();
    const wiped = await this.issuances.wipeDead(AT_ONCE);
    return [served.length, due.length, expired, wiped].includes(AT_ONCE);
  }

  /** Gives how many there were. */
  async #noteExpired(): Promise<number> {
    const expired = await this.issuances.expiredUnrevoked(AT_ONCE);
    if (expired.length === 0) return 0;
    const facts = await this.facts.current();
    const appended = await this.log.append(expired.map((one) => this.#diedUnrevoked(one, facts)));
    return appended.filter(({ verdict }) => verdict !== 'bad').length;
  }

  /** Resolves when what is under way has ended. No more is begun, but by the next turn. */
  async settled(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#lanes.values());
  }

  async #lane(client: string, first: readonly DueRevocation[]): Promise<void> {
    for (let due = first; due.length > 0; due = await this.issuances.takeDueRevocations(AT_ONCE, LEASE, { only: client })) {
      const facts = await this.facts.current();
      const outcomes = await Promise.all(due.map((one) => this.#take(one, facts)));
      // what is said to a name that the client had before does not keep it waiting by its own
      const own = declared(facts.catalogue.clients, client)?.clientId;
      const saidToOwn = outcomes.filter((_, index) => due[index]?.clientId === own);
      const wait = Math.max(0, ...saidToOwn.map((outcome) => (outcome?.kind === 'pending' ? (outcome.retryAfter ?? 0) : 0)));
      if (wait > 0) this.#leftAlone.set(client, this.clock.now() + wait * 1000);
      if (wait > 0 || this.#isEnding) return;
    }
  }

  /** Makes one attempt and records what came of it. */
  async revoke(due: DueRevocation, facts: Facts): Promise<DueOutcome> {
    const outcome = await this.#attempt(due, facts);
    if (outcome.kind === 'pending') {
      await this.retries.failed({ kind: 'revoke', subject: due.issuance }, outcome.fault, (outcome.retryAfter ?? 0) * 1000);
      return outcome;
    }
    const append =
      outcome.kind === 'revoked'
        ? this.#outcome(due, facts, 'revoked', {})
        : this.#outcome(due, facts, 'unsupported', outcome.kind === 'lost' ? { fault: outcome.fault } : {});
    const [appended] = await this.log.append([append]);
    if (appended?.verdict === 'bad') await this.retries.failed({ kind: 'revoke', subject: due.issuance }, 'not_recorded');
    return outcome;
  }

  /** One that cannot be tried does not keep the others from it: then there is no outcome. */
  async #take(due: DueRevocation, facts: Facts): Promise<DueOutcome | null> {
    const work = { kind: 'revoke', subject: due.issuance } as const;
    // whoever tried it the last time did not live to say how it went
    const isLost = due.attempts > workPace.mostAttempts;
    try {
      if (!isLost) return await this.revoke(due, facts);
      await this.retries.failed(work, 'not_reported');
    } catch (error) {
      this.faultLog.write(error);
      await this.retries.failed(work, error);
    }
    return null;
  }

  #diedUnrevoked(expired: ExpiredRevocation, facts: Facts): Append {
    const { attempts, lastError } = expired;
    const why = { fault: 'expired_unrevoked', attempts, ...(lastError === null ? {} : { last_error: lastError }) };
    return this.#outcome(expired, facts, 'unsupported', why);
  }

  #outcome(token: Revocable, { epoch }: Facts, state: 'revoked' | 'unsupported', why: EntryMembers): Append {
    const { client, resource, issuance, tokenSha256, expiresAt } = token;
    const members = {
      issuance,
      ...whoOf(token),
      client,
      resource: { id: resource },
      token: { sha256: tokenSha256, expires_at: timestamp(expiresAt) },
      ...why,
    };
    const columns = { ...whoOf(token), client, resource, issuance, tokenSha256 };
    const entry = this.entries.make(state === 'revoked' ? 'token.revoked' : 'token.exposed', epoch, members, columns);
    return { ...byItself(entry), effect: { kind: 'revocation', issuance, state } };
  }

  async #attempt(due: DueRevocation, { catalogue }: Facts): Promise<DueOutcome> {
    const server = declared(catalogue.authorizationServers, due.authorizationServer);
    const declaredClient = declared(catalogue.clients, due.client);
    const credential = declaredClient === null ? null : await this.credentials.current(declaredClient.id);
    // what is no longer in the catalogue cannot be reached: the token ends by itself
    if (server === null || declaredClient === null || credential === null) return { kind: 'lost', fault: 'credential_unavailable' };
    // a server that is declared anew may be another: it is not sent what it did not issue, nor believed when it says that this is gone
    if ((await this.credentials.issuerOf(due.credential)) !== server.issuer) return { kind: 'lost', fault: 'credential_bound_elsewhere' };
    // RFC 7009 §2.1: a token is its client's to revoke; of another's a server may say that there is none
    const client = { ...declaredClient, clientId: due.clientId };
    try {
      const token = this.sealer.open(`issuance ${due.issuance}`, due.sealed);
      const metadata = await this.metadata.get(server);
      const outcome = await this.revokeToken.revoke({ server, client, credential }, metadata, token);
      if (outcome.kind !== 'pending' || outcome.fault !== 'client_refused') return outcome;
      // while a credential rotates, the server may know its other version alone
      const other = await this.credentials.other(client.id);
      if (other === null) return outcome;
      if (other.tokenEndpointOrigin === null) return { kind: 'pending', fault: outcome.fault, retryAfter: null };
      return await this.revokeToken.revoke({ server, client, credential: other }, metadata, token);
    } catch (error) {
      if (!(error instanceof UpstreamFailed)) throw error;
      // it is never shown to an endpoint elsewhere, however often that is tried
      if (error.fault === 'credential_bound_elsewhere') return { kind: 'lost', fault: error.fault };
      return { kind: 'pending', fault: error.fault, retryAfter: null };
    }
  }
}
