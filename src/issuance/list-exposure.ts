import { NotFound } from '../access/errors.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import { isCommitment } from '../runs/operator-of.js';
import type { RunDirectory } from '../runs/run-directory.js';
import type { RunStore } from '../runs/run-store.js';
import type { ExposureList, LivePlace, LiveToken } from '../suspensions/exposure.js';
import type { MetadataCache } from '../upstreams/metadata-cache.js';
import type { FactsSource } from './facts.js';
import { requireTarget, type Aim } from './suspension-target.js';

export interface ListedToken extends LiveToken {
  /** Of the workflow, by the catalogue of now; null when the workflow left it, or there is none. */
  readonly owner: string | null;
  /** Whether it can be revoked, by the catalogue of now; null while it is not known whether its server has an endpoint for that. */
  readonly revocable: boolean | null;
}

/** What is live now, the longest-lived first, and after one that is given; `more` when there is more than was asked for. */
export class ListExposure {
  constructor(
    private readonly facts: FactsSource,
    private readonly exposure: ExposureList,
    private readonly runs: RunDirectory,
    private readonly runStore: RunStore,
    private readonly metadata: MetadataCache,
  ) {}

  /** A misspelt name must not pass for nothing exposed. @throws NotFound */
  async of({ kind, target }: Aim, limit: number, after?: LivePlace): Promise<{ tokens: readonly ListedToken[]; more: boolean }> {
    const stored = kind === 'operator' && target !== null ? await this.#commitment(target) : target;
    const { catalogue } = await this.facts.latest();
    const live = await this.exposure.live(kind, stored, limit + 1, after);
    if (live.length === 0 && after === undefined) await requireTarget({ kind, target }, catalogue, this.runs);
    const tokens = await Promise.all(live.slice(0, limit).map((token) => this.#listed(token, catalogue)));
    return { tokens, more: live.length > limit };
  }

  async #commitment(operator: string): Promise<string> {
    if (isCommitment(operator)) return operator;
    const known = await this.runStore.findPerson(operator);
    if (known === null) throw new NotFound('target_unknown', 'nobody of this name has started a run');
    return known.commitment;
  }

  async #listed(token: LiveToken, catalogue: Catalogue): Promise<ListedToken> {
    const owner = token.workflow === null ? null : (declared(catalogue.workflows, token.workflow)?.owner ?? null);
    return { ...token, owner, revocable: await this.#revocable(token, catalogue) };
  }

  /** As an attempt at it would find now (RevokeDue, prepareRevocation). */
  async #revocable({ revocation, client, authorizationServer }: LiveToken, catalogue: Catalogue): Promise<boolean | null> {
    if (revocation === 'unsupported') return false;
    const server = declared(catalogue.authorizationServers, authorizationServer);
    // what is no longer in the catalogue cannot be reached
    if (server === null || declared(catalogue.clients, client) === null) return false;
    // some servers publish an endpoint that does nothing for an access token
    if (!server.profile.revokesTokens) return false;
    if (server.revocationEndpoint !== undefined) return true;
    const metadata = await this.metadata.known(server);
    return metadata === null ? null : metadata.revocationEndpoint !== null;
  }
}
