import { declared } from '../catalogue/look-up.js';
import type { Observed } from '../posture/findings.js';
import type { MetadataWatch } from '../upstreams/metadata-watch.js';
import { movedBetween } from '../upstreams/server-document.js';
import type { FactsSource } from './facts.js';
import { pinOf } from './pin-metadata.js';

/** What posture goes by beside catalogue and credentials. */
export class ObserveWorld {
  constructor(
    private readonly facts: FactsSource,
    private readonly watch: MetadataWatch,
  ) {}

  async observe(): Promise<Observed> {
    const [facts, watched] = await Promise.all([this.facts.latest(), this.watch.all()]);
    const drifted = watched.flatMap(({ authorizationServer, issuer, offered }) => {
      const server = declared(facts.catalogue.authorizationServers, authorizationServer);
      const pin = server?.issuer === issuer ? pinOf(facts, server) : null;
      if (pin === null || offered === null) return [];
      return [{ authorizationServer, fields: movedBetween(pin.document, offered.document).map(({ field }) => field) }];
    });
    return { drifted };
  }
}
