import { Unavailable } from '../access/errors.js';
import { LogUnavailable } from '../attribution/entry-log.js';
import type { EntryMaker, EntryMembers } from '../attribution/entry.js';
import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { FoundDocument } from '../upstreams/discovery.js';
import { MetadataPins, type MetadataPin } from '../upstreams/metadata-pins.js';
import { documentDigest, heldIn } from '../upstreams/server-document.js';
import type { ChangeFacts } from './change-facts.js';
import type { Facts, FactsSource } from './facts.js';

/** Pins as facts: whoever decides upon newer facts uses newer pins, and nothing that rests on older ones is recorded. */
export class PinMetadata extends MetadataPins {
  constructor(
    private readonly facts: FactsSource,
    private readonly changeFacts: ChangeFacts,
    private readonly entries: EntryMaker,
  ) {
    super();
  }

  async find(server: AuthorizationServer): Promise<MetadataPin | null> {
    return pinOf(await this.facts.current(), server);
  }

  async pin(server: AuthorizationServer, found: FoundDocument): Promise<MetadataPin> {
    await this.#change(server, found);
    const pin = pinOf(await this.facts.latest(), server);
    if (pin === null) throw new LogUnavailable('what was read of an authorization server was not kept');
    return pin;
  }

  async #change(server: AuthorizationServer, found: FoundDocument): Promise<void> {
    try {
      await this.changeFacts.change((facts, after) => {
        if (pinOf(facts, server) !== null) return null;
        const pin = newPin(server, found, null);
        return { change: { kind: 'metadata.pinned', pin }, entries: [this.entries.make('metadata.pinned', after, pinMembers(pin))] };
      });
    } catch (error) {
      if (error instanceof Unavailable) throw new LogUnavailable(error.message, { cause: error });
      throw error;
    }
  }
}

export function pinOf({ pins }: Facts, { id, issuer }: Pick<AuthorizationServer, 'id' | 'issuer'>): MetadataPin | null {
  return pins.find((pin) => pin.authorizationServer === id && pin.issuer === issuer) ?? null;
}

export function newPin(server: AuthorizationServer, found: FoundDocument, approvedBy: string | null): Omit<MetadataPin, 'pinnedAt'> {
  const { location, document } = found;
  return { authorizationServer: server.id, issuer: server.issuer, location, document, digest: documentDigest(document), approvedBy };
}

/** The allow-list of the entries about metadata. */
export function pinMembers({ authorizationServer, issuer, location, document, digest }: Omit<MetadataPin, 'pinnedAt'>): EntryMembers {
  const endpoints = Object.fromEntries([...heldIn(document)].filter(([name]) => name !== 'issuer'));
  return { authorization_server: authorizationServer, issuer, location, sha256: digest, endpoints };
}
