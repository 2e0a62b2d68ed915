import type { EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import { timestamp } from '../oauth/clock.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { RevocationOutcome } from '../upstreams/revocation.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { Facts, FactsSource } from './facts.js';
import { whoOf, type DueRevocation, type IssuanceStore } from './issuance-store.js';
import type { RevokeToken } from './revoke-token.js';

const AT_ONCE = 20;
/** Milliseconds between attempts: twice as long each time, at most so long. */
const LONGEST_PAUSE = 300_000;
/** Milliseconds after which a revocation that nobody reported on is taken up again. */
const LEASE = 30_000;

/**
 * Revokes at their servers the tokens that may be released no more. Each is not live in our record already, so that this may
 * take its time; it is tried until the token is dead.
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
  ) {}

  /** Gives whether there may be more to do at once. */
  async turn(): Promise<boolean> {
    await this.issuances.withdrawServed(AT_ONCE);
    const due = await this.issuances.takeDueRevocations(AT_ONCE, LEASE);
    const facts = await this.facts.current();
    await Promise.all(due.map((one) => this.revoke(one, facts)));
    await this.issuances.wipeDead(AT_ONCE);
    return due.length === AT_ONCE;
  }

  /** Makes one attempt and records what came of it. */
  async revoke(due: DueRevocation, facts: Facts): Promise<RevocationOutcome> {
    const outcome = await this.#attempt(due, facts);
    if (outcome.kind === 'pending') {
      const pause = Math.min(1000 * 2 ** Math.min(due.attempts, 10), LONGEST_PAUSE);
      await this.issuances.postponeRevocation(due.issuance, outcome.fault, Math.max(pause, (outcome.retryAfter ?? 0) * 1000));
      return outcome;
    }
    const revoked = outcome.kind === 'revoked';
    const members = {
      issuance: due.issuance,
      ...whoOf(due),
      client: due.client,
      resource: { id: due.resource },
      token: { sha256: due.tokenSha256, expires_at: timestamp(due.expiresAt) },
      ...(outcome.kind === 'failed' ? { fault: outcome.fault } : {}),
    };
    const { client, resource, issuance, tokenSha256 } = due;
    const columns = { ...whoOf(due), client, resource, issuance, tokenSha256 };
    await this.log.append([
      {
        entry: this.entries.make(revoked ? 'token.revoked' : 'token.exposed', facts.epoch, members, columns),
        epoch: null,
        run: null,
        effect: { kind: 'revocation', issuance, state: revoked ? 'revoked' : 'unsupported' },
        counters: [],
        decisionInput: null,
      },
    ]);
    return outcome;
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
