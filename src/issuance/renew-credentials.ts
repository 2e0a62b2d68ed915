import type { Problem } from '../access/errors.js';
import type { Entry } from '../attribution/entry-log.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { planCredentials, type CredentialPlan, type NewCredential } from '../credentials/plan-credentials.js';
import { sealCredential } from '../credentials/seal-credential.js';
import type { CredentialVersions } from '../credentials/sealed-credential.js';
import type { Sealer } from '../credentials/sealer.js';
import type { SecretReferences } from '../credentials/secret-references.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import type { UnusableCredential } from '../posture/observed-findings.js';
import type { ChangeFacts } from './change-facts.js';
import type { CredentialChange } from './fact-changes.js';

export interface CredentialRenewal {
  readonly change: CredentialChange;
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
  /** Clients whose reference holds another secret: a rotation is to begin (BeginRotation). */
  readonly changed: readonly string[];
}

/** Makes the versions of credentials that a catalogue needs, and sees when a referenced secret has changed (DESIGN §8). */
export class RenewCredentials {
  constructor(
    private readonly changeFacts: ChangeFacts,
    private readonly versions: CredentialVersions,
    private readonly references: SecretReferences,
    private readonly digestKey: Uint8Array,
    private readonly sealer: Sealer,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  /** What a renewal now would have to leave as it is. */
  async unusable(catalogue: Catalogue): Promise<readonly UnusableCredential[]> {
    const { problems } = await this.#plan(catalogue);
    return problems.map(({ client, message }) => ({ client, why: message }));
  }

  async plan(catalogue: Catalogue, after: Epoch): Promise<CredentialRenewal> {
    const plan = await this.#plan(catalogue);
    return {
      change: { created: plan.create.map((credential) => sealCredential(credential, this.sealer)), retired: plan.retire },
      entries: plan.create.map((credential) => this.#entry(credential, after)),
      changed: plan.changed,
      problems: plan.problems.map(({ client, message }) => ({ path: `clients.${client}`, message: `client ${client}: ${message}` })),
    };
  }

  /** Makes what is missing. Gives what could not be read, which stays as it was, and where a secret has changed. */
  async renew(): Promise<Pick<CredentialRenewal, 'problems' | 'changed'>> {
    let told: Pick<CredentialRenewal, 'problems' | 'changed'> = { problems: [], changed: [] };
    await this.changeFacts.change(async ({ catalogue }, after) => {
      const renewal = await this.plan(catalogue, after);
      told = renewal;
      if (renewal.entries.length === 0) return null;
      return { change: { kind: 'credential.changed', credentials: renewal.change }, entries: renewal.entries };
    });
    return told;
  }

  async #plan(catalogue: Catalogue): Promise<CredentialPlan> {
    return planCredentials({
      catalogue,
      inUse: await this.versions.inUse(),
      formerBindings: await this.versions.formerBindings(),
      references: this.references,
      digestKey: this.digestKey,
      randomness: this.randomness,
      now: this.clock.now(),
    });
  }

  #entry({ id, client, method, issuer, key, cause, replaces }: NewCredential, after: Epoch): Entry {
    return this.entries.make(
      cause === 'first' ? 'credential.created' : 'credential.changed',
      after,
      {
        client,
        credential: key === null ? { id } : { id, kid: key.kid },
        method,
        issuer,
        cause,
        ...(replaces === null ? {} : { replaces }),
      },
      { client },
    );
  }
}
