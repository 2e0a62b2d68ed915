import type { EntrySearch } from '../attribution/entry-search.js';
import type { Rotations } from '../credentials/rotation.js';
import type { CredentialVersions } from '../credentials/sealed-credential.js';
import type { Clock } from '../oauth/clock.js';
import { alarmsAmong } from '../posture/alarms.js';
import type { Finding } from '../posture/finding.js';
import { findings } from '../posture/findings.js';
import { currentOf } from './begin-rotation.js';
import type { FactsSource } from './facts.js';
import { lastChecks, type LastCheck } from './last-checks.js';
import type { ObserveWorld } from './observe-world.js';

/** How the credential of one client stands. Times in milliseconds since 1970. */
export interface ClientHealth {
  readonly client: string;
  /** null: it has no credential. */
  readonly rotationDueAt: number | null;
  readonly rotationOverdue: boolean;
  /** The last try of it; null when it was not tried lately. */
  readonly lastCheck: LastCheck | null;
}

export interface Health {
  /** Posture's findings that somebody should see today. */
  readonly warnings: readonly Finding[];
  readonly clients: readonly ClientHealth[];
}

/** What is wrong without keeping a Corridor from its work: by the same facts as posture. */
export class CredentialHealth {
  constructor(
    private readonly facts: FactsSource,
    private readonly versions: CredentialVersions,
    private readonly rotations: Rotations,
    private readonly observeWorld: ObserveWorld,
    private readonly search: EntrySearch,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<Health> {
    const { catalogue } = await this.facts.latest();
    const [versions, rotations, drifted, checks] = await Promise.all([
      this.versions.inUse(),
      this.rotations.latest(),
      this.observeWorld.drifted(),
      lastChecks(this.search),
    ]);
    const now = this.clock.now();
    const clients = Object.values(catalogue.clients).map(({ id, rotateEvery }) => {
      const current = currentOf(id, versions);
      const due = current === null ? null : current.createdAt + rotateEvery * 1000;
      return { client: id, rotationDueAt: due, rotationOverdue: due !== null && due < now, lastCheck: checks.get(id) ?? null };
    });
    return { warnings: alarmsAmong(findings(catalogue, versions, now, { drifted, rotations })), clients };
  }
}
