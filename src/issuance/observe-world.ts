import type { EntrySearch } from '../attribution/entry-search.js';
import { declared } from '../catalogue/look-up.js';
import type { DriftedServer, Observed } from '../posture/observed-findings.js';
import type { MetadataWatch } from '../upstreams/metadata-watch.js';
import { movedBetween } from '../upstreams/server-document.js';
import type { WorkStore } from '../work/owed-work.js';
import type { FactsSource } from './facts.js';
import { lastChecks } from './last-checks.js';
import { pinOf } from './pin-metadata.js';
import type { RenewCredentials } from './renew-credentials.js';

/** What posture goes by beside catalogue and credentials. */
export class ObserveWorld {
  constructor(
    private readonly facts: FactsSource,
    private readonly watch: MetadataWatch,
    private readonly search: EntrySearch,
    private readonly work: WorkStore,
    private readonly renewCredentials: RenewCredentials,
  ) {}

  async observe(): Promise<Observed> {
    const { catalogue } = await this.facts.latest();
    const [drifted, checks, givenUp, unusableCredentials] = await Promise.all([
      this.drifted(),
      lastChecks(this.search),
      this.work.givenUp(),
      this.renewCredentials.unusable(catalogue),
    ]);
    return { drifted, failedChecks: [...checks.values()].filter(({ result }) => result === 'failed'), givenUp, unusableCredentials };
  }

  async drifted(): Promise<readonly DriftedServer[]> {
    const [facts, watched] = await Promise.all([this.facts.latest(), this.watch.all()]);
    return watched.flatMap(({ authorizationServer, issuer, offered }) => {
      const server = declared(facts.catalogue.authorizationServers, authorizationServer);
      const pin = server?.issuer === issuer ? pinOf(facts, server) : null;
      if (pin === null || offered === null) return [];
      return [{ authorizationServer, fields: movedBetween(pin.document, offered.document).map(({ field }) => field) }];
    });
  }
}
