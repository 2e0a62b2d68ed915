import type { AuthorizationServer } from '../../src/catalogue/catalogue.js';
import type { FoundDocument } from '../../src/upstreams/discovery.js';
import { MetadataPins, type MetadataPin } from '../../src/upstreams/metadata-pins.js';
import { documentDigest } from '../../src/upstreams/server-document.js';

/** Pins in memory: the first of a server and issuer holds. */
export class KeptPins extends MetadataPins {
  readonly #pins = new Map<string, MetadataPin>();

  override async find(server: AuthorizationServer): Promise<MetadataPin | null> {
    return this.#pins.get(nameOf(server)) ?? null;
  }

  override async pin(server: AuthorizationServer, found: FoundDocument): Promise<MetadataPin> {
    const pin = this.#pins.get(nameOf(server)) ?? {
      ...found,
      authorizationServer: server.id,
      issuer: server.issuer,
      digest: documentDigest(found.document),
      pinnedAt: 0,
      approvedBy: null,
    };
    this.#pins.set(nameOf(server), pin);
    return pin;
  }
}

function nameOf({ id, issuer }: AuthorizationServer): string {
  return `${id} ${issuer}`;
}
