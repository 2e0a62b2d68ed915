import { createHash } from 'node:crypto';
import { Conflict, Invalid } from '../access/errors.js';
import type { Entry } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import { catalogueDigest } from '../catalogue/catalogue-digest.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { parseCatalogueFile } from '../catalogue/parse-catalogue-file.js';
import { planChange, type Change } from '../catalogue/plan-change.js';
import type { SecretReferences } from '../credentials/secret-references.js';
import type { Clock } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { ChangeFacts } from './change-facts.js';
import type { FactsSource } from './facts.js';
import { readAuthorities } from './read-authorities.js';
import type { RenewCredentials } from './renew-credentials.js';

/** What applying a file would do, and the revision (a digest of what the catalogue means) that it was held against. */
export interface CataloguePlan {
  readonly revision: string;
  readonly changes: readonly Change[];
}

/** Names of changed things that an entry holds at most. */
const NAMED = 300;

/** Applies `corridor.yaml` as a whole or not at all (DESIGN §5). */
export class ApplyCatalogue {
  constructor(
    private readonly facts: FactsSource,
    private readonly changeFacts: ChangeFacts,
    private readonly renewCredentials: RenewCredentials,
    private readonly references: SecretReferences,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** @throws Invalid with every problem by file, line and column */
  async plan(source: string, file: string): Promise<CataloguePlan> {
    const wanted = await this.#parse(source, file);
    const { catalogue } = await this.facts.latest();
    return { revision: catalogueDigest(catalogue), changes: planChange(catalogue, wanted) };
  }

  /**
   * Gives the revision that holds from now on, and the entry that records it (null when nothing changed). `expected` is the revision that
   * was planned from, or null. @throws Invalid, Conflict, Unavailable
   */
  async apply(source: string, file: string, expected: string | null, by: string): Promise<{ revision: string; entry: string | null }> {
    const wanted = await this.#parse(source, file);
    const applied = await this.changeFacts.change(async ({ catalogue }, after) => {
      if (expected !== null && catalogueDigest(catalogue) !== expected) {
        throw new Conflict('catalogue_moved', 'the catalogue has changed since this was planned: look at the plan again');
      }
      const changes = planChange(catalogue, wanted);
      if (changes.length === 0) return null;
      const credentials = await this.renewCredentials.plan(wanted, after);
      if (credentials.problems.length > 0) {
        throw new Invalid('credentials_unusable', 'a client has no usable credential; nothing was changed', credentials.problems);
      }
      const revision = {
        id: newIdentifier('cat', this.clock.now(), this.randomness),
        sha256: createHash('sha256').update(source).digest('hex'),
        catalogue: wanted,
        source,
        appliedBy: by,
      };
      const entry = this.#entry(revision.sha256, changes, wanted, by, after);
      return { change: { kind: 'catalogue.changed', revision, credentials: credentials.change }, entries: [entry, ...credentials.entries] };
    });
    return { revision: catalogueDigest(wanted), entry: applied?.entry ?? null };
  }

  #entry(sha256: string, changes: readonly Change[], wanted: Catalogue, by: string, after: Epoch): Entry {
    const named = (action: Change['action']) => changes.filter((change) => change.action === action).map(({ kind, id }) => `${kind} ${id}`);
    const shown = (action: Change['action']) => named(action).slice(0, NAMED);
    return this.entries.make('catalogue.changed', after, {
      revision: catalogueDigest(wanted),
      source_sha256: sha256,
      applied_by: by,
      changes: changes.length,
      added: shown('add'),
      changed: shown('change'),
      removed: shown('remove'),
    });
  }

  async #parse(source: string, file: string): Promise<Catalogue> {
    const parsed = parseCatalogueFile(source, file, await readAuthorities(source, this.references));
    if (parsed.ok) return parsed.catalogue;
    throw new Invalid(
      'catalogue_invalid',
      `${file} is not applied: it has ${parsed.problems.length} problem(s); nothing was changed`,
      parsed.problems,
    );
  }
}
