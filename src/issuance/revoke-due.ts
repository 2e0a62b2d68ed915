import { byItself, type Append, type EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import { timestamp } from '../oauth/clock.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { RevocationOutcome } from '../upstreams/revocation.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import { workPace, type Retries } from '../work/retries.js';
import type { Facts, FactsSource } from './facts.js';
import { whoOf, type Attempt, type DueRevocation, type ExpiredRevocation, type IssuanceStore } from './issuance-store.js';
import type { RevokeToken } from './revoke-token.js';

const AT_ONCE = 20;
/** Milliseconds after which a revocation that nobody reported on is taken up again. */
const LEASE = 30_000;

/** What an entry about the revocation of a token tells of it. */
type Revocable = Attempt & Pick<DueRevocation, 'tokenSha256' | 'expiresAt'>;

/**
 * Revokes at their servers the tokens that may be released no more. Each is not live in our record already, so that this may
 * take its time; it is tried until it succeeds, the token is dead, or it is given up. That a token died unrevoked is recorded.
 */
export class RevokeDue {
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
  ) {}

  /** Gives whether there may be more to do at once. One that cannot be tried does not keep the others from it. */
  async turn(): Promise<boolean> {
    await this.issuances.withdrawServed(AT_ONCE);
    const due = await this.issuances.takeDueRevocations(AT_ONCE, LEASE);
    const facts = await this.facts.current();
    const failures: unknown[] = [];
    await Promise.all(due.map((one) => this.#take(one, facts).catch((error: unknown) => failures.push(error))));
    const expired = await this.issuances.expiredUnrevoked(AT_ONCE);
    if (expired.length > 0) await this.log.append(expired.map((one) => this.#diedUnrevoked(one, facts)));
    await this.issuances.wipeDead(AT_ONCE);
    if (failures.length > 0) throw failures[0];
    return due.length === AT_ONCE;
  }

  /** Makes one attempt and records what came of it. */
  async revoke(due: DueRevocation, facts: Facts): Promise<RevocationOutcome> {
    const outcome = await this.#attempt(due, facts);
    if (outcome.kind === 'pending') {
      await this.retries.failed({ kind: 'revoke', subject: due.issuance }, outcome.fault, (outcome.retryAfter ?? 0) * 1000);
      return outcome;
    }
    const append =
      outcome.kind === 'revoked'
        ? this.#outcome(due, facts, 'revoked', {})
        : this.#outcome(due, facts, 'unsupported', outcome.kind === 'failed' ? { fault: outcome.fault } : {});
    const [appended] = await this.log.append([append]);
    if (appended?.verdict === 'bad') await this.retries.failed({ kind: 'revoke', subject: due.issuance }, 'not_recorded');
    return outcome;
  }

  async #take(due: DueRevocation, facts: Facts): Promise<void> {
    const work = { kind: 'revoke', subject: due.issuance } as const;
    // whoever tried it the last time did not live to say how it went
    if (due.attempts > workPace.mostAttempts) return this.retries.failed(work, 'not_reported');
    try {
      await this.revoke(due, facts);
    } catch (error) {
      await this.retries.failed(work, error);
      throw error;
    }
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

  async #attempt(due: DueRevocation, { catalogue }: Facts): Promise<RevocationOutcome> {
    const server = declared(catalogue.authorizationServers, due.authorizationServer);
    const client = declared(catalogue.clients, due.client);
    const credential = client === null ? null : await this.credentials.current(client.id);
    // what is no longer in the catalogue cannot be reached: the token ends by itself
    if (server === null || client === null || credential === null) return { kind: 'failed', fault: 'credential_unavailable' };
    try {
      const token = this.sealer.open(`issuance ${due.issuance}`, due.sealed);
      const metadata = await this.metadata.get(server);
      const outcome = await this.revokeToken.revoke({ server, client, credential }, metadata, token);
      if (outcome.kind !== 'failed' || outcome.fault !== 'client_refused') return outcome;
      // while a credential rotates, the server may know its other version alone
      const other = await this.credentials.other(client.id);
      if (other === null) return outcome;
      if (other.tokenEndpointOrigin === null) return { kind: 'pending', fault: outcome.fault, retryAfter: null };
      return await this.revokeToken.revoke({ server, client, credential: other }, metadata, token);
    } catch (error) {
      if (error instanceof UpstreamFailed) return { kind: 'pending', fault: error.fault, retryAfter: null };
      throw error;
    }
  }
}
