import type { SecurityLog } from '../access/security-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { PreparePolicy } from '../policy/prepare-policy.js';
import type { PolicySource, Refused } from '../policy/policy-compiler.js';
import type { PolicySources } from '../policy/policy-sources.js';
import type { ChangeFacts } from './change-facts.js';
import type { FactsSource } from './facts.js';

export type Activated =
  { readonly ok: true; readonly revision: string; readonly changed: boolean; readonly tests: number | null } | Refused;

/** Milliseconds until a revision that cannot be evaluated here is tried again: what hindered it may have been a busy machine. */
const AGAIN = 10_000;

/** Takes a policy through its gates and makes it the one that decides: a change of facts, with its entry. */
export class ActivatePolicy {
  #loaded: string | null = null;
  #unusable: { readonly revision: string; readonly until: number } | null = null;
  #loading: Promise<unknown> | null = null;

  constructor(
    private readonly prepare: PreparePolicy,
    private readonly facts: FactsSource,
    private readonly sources: PolicySources,
    private readonly changeFacts: ChangeFacts,
    private readonly entries: EntryMaker,
    private readonly securityLog: SecurityLog,
  ) {}

  /** When it is refused, the policy that was active stays so. @throws PolicyCompilerFailed, Unavailable */
  async activate(source: PolicySource, by: string): Promise<Activated> {
    const prepared = await this.prepare.prepare(source);
    if (!prepared.ok) return prepared;
    const { revision, tests } = prepared;
    const applied = await this.changeFacts.change(({ policyRevision }, after) => {
      if (policyRevision === revision) return null;
      const entry = this.entries.make('policy.activated', after, {
        revision,
        activated_by: by,
        ...(policyRevision === null ? {} : { replaces: policyRevision }),
        ...(tests === null ? {} : { tests_passed: tests }),
      });
      return { change: { kind: 'policy.activated', digest: revision, source, activatedBy: by }, entries: [entry] };
    });
    this.#loaded = revision;
    if (applied !== null) this.#note(by, revision, applied.entry);
    return { ok: true, revision, changed: applied !== null, tests };
  }

  /**
   * Before a request is decided by a revision that another replica activated: waits until it can be evaluated here. Where it cannot,
   * the decision says so; why, is told by whoever keeps watch (loadActive).
   */
  async ready(revision: string | null): Promise<void> {
    if (revision === null || revision === this.#loaded) return;
    this.#loading ??= this.loadActive().finally(() => (this.#loading = null));
    await this.#loading.catch(() => undefined);
  }

  /** Makes sure that the active revision can be evaluated here, whoever activated it. Gives its digest, or null while there is none. */
  async loadActive(): Promise<string | null> {
    const { policyRevision } = await this.facts.latest();
    if (policyRevision === null || policyRevision === this.#loaded) return policyRevision;
    if (this.#unusable?.revision === policyRevision && performance.now() < this.#unusable.until) return null;
    const source = await this.sources.source(policyRevision);
    const prepared = source === null ? null : await this.prepare.prepare(source);
    if (prepared?.ok !== true) {
      this.#unusable = { revision: policyRevision, until: performance.now() + AGAIN };
      return null;
    }
    this.#loaded = policyRevision;
    return policyRevision;
  }

  /** Whether it was tried to load this revision here, and it cannot be evaluated. */
  isUnusable(revision: string): boolean {
    return revision === this.#unusable?.revision && revision !== this.#loaded;
  }

  #note(by: string, revision: string, entry: string | null): void {
    this.securityLog.write({ event: 'administered', action: 'policy.activated', by, key: null, address: null, subject: revision, entry });
  }
}
