import type { FaultLog } from '../access/fault-log.js';
import type { EntryLog } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import { declared } from '../catalogue/look-up.js';
import type { CredentialStore } from '../credentials/credential.js';
import type { Sealer } from '../credentials/sealer.js';
import { timestamp, type Clock } from '../oauth/clock.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { RevocationOutcome } from '../upstreams/revocation.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { Facts, FactsSource } from './facts.js';
import { whoOf, type DueRevocation, type IssuanceStore } from './issuance-store.js';
import type { RevokeToken } from './revoke-token.js';

/** Of each client. */
const AT_ONCE = 20;
/** Milliseconds between attempts: twice as long each time, at most so long. */
const LONGEST_PAUSE = 300_000;
/** Milliseconds after which a revocation that nobody reported on is taken up again. */
const LEASE = 30_000;

/**
 * Revokes at their servers the tokens that may be released no more. Each is not live in our record already, so that this may
 * take its time; it is tried until the token is dead.
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
    private readonly faultLog: FaultLog,
    private readonly clock: Clock,
  ) {}

  /** Begins those that are due and waits for no server. Gives whether there may be more to begin at once. */
  async turn(): Promise<boolean> {
    this.#isEnding = false;
    await this.issuances.withdrawServed(AT_ONCE);
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
    await this.issuances.wipeDead(AT_ONCE);
    return due.length === AT_ONCE;
  }

  /** Resolves when what is under way has ended. No more is begun, but by the next turn. */
  async settled(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#lanes.values());
  }

  async #lane(client: string, first: readonly DueRevocation[]): Promise<void> {
    for (let due = first; due.length > 0; due = await this.issuances.takeDueRevocations(AT_ONCE, LEASE, { only: client })) {
      const facts = await this.facts.current();
      const outcomes = await Promise.all(due.map((one) => this.revoke(one, facts)));
      const wait = Math.max(...outcomes.map((outcome) => (outcome.kind === 'pending' ? (outcome.retryAfter ?? 0) : 0)));
      if (wait > 0) this.#leftAlone.set(client, this.clock.now() + wait * 1000);
      if (wait > 0 || this.#isEnding) return;
    }
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
