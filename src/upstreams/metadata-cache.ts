import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import { lookForMetadata, metadataOfLook } from './discovery.js';
import { metadataOfDocument, type ServerMetadata } from './metadata.js';
import type { MetadataPin, MetadataPins } from './metadata-pins.js';
import { UpstreamFailed } from './upstream-failed.js';
import type { UpstreamHttp } from './upstream-http.js';

/** Milliseconds. */
const DEADLINE = 5_000;
const FAILURE_HOLDS = 5_000;
/** Where only the catalogue says it, a document is looked for again: the server may publish one meanwhile. */
const DECLARATION_HOLDS = 60_000;
const REMEMBERED = 256;

interface Remembered {
  readonly metadata: Promise<ServerMetadata>;
  /** What only the catalogue says, once that is known. */
  declared: ServerMetadata | null;
  /** Milliseconds since 1970. */
  until: number;
}

/**
 * The metadata of authorization servers: what is pinned of them, as the catalogue lets it be used, and read from the server where nothing
 * is (CONFORMANCE A74). It is read once however many ask at the same time; the key is the whole definition of the server. A failure is
 * remembered for a few seconds; where the catalogue says enough, nobody waits for a server again.
 */
export class MetadataCache {
  readonly #reading = new Map<string, Remembered>();

  constructor(
    private readonly http: UpstreamHttp,
    private readonly clock: Clock,
    private readonly pins: MetadataPins,
    private readonly deadline = DEADLINE,
  ) {}

  /** What is known of it already; null when nothing usable is. */
  async known(server: AuthorizationServer): Promise<ServerMetadata | null> {
    const pin = await this.pins.find(server);
    if (pin === null) return this.#reading.get(keyOf(server))?.declared ?? null;
    try {
      return metadataOfPin(server, pin);
    } catch (error) {
      if (error instanceof UpstreamFailed) return null;
      throw error;
    }
  }

  /** @throws UpstreamFailed; LogUnavailable when what was read cannot be kept */
  async get(server: AuthorizationServer): Promise<ServerMetadata> {
    const pin = await this.pins.find(server);
    if (pin !== null) return metadataOfPin(server, pin);
    const key = keyOf(server);
    const remembered = this.#reading.get(key);
    if (remembered !== undefined && this.clock.now() < remembered.until) return remembered.metadata;
    if (remembered === undefined || remembered.declared === null) return this.#remember(key, this.#read(server));
    this.#lookAgain(server, remembered);
    return remembered.declared;
  }

  /** While the word of the catalogue holds, so that no request waits for it. What can be used is pinned then, and known by its pin. */
  #lookAgain(server: AuthorizationServer, remembered: Remembered): void {
    const looked = (): void => void (remembered.until = this.clock.now() + DECLARATION_HOLDS);
    remembered.until = Infinity;
    this.#read(server).then(looked, looked);
  }

  async #read(server: AuthorizationServer): Promise<ServerMetadata> {
    const looked = await lookForMetadata(server, this.http, this.clock, this.deadline);
    const metadata = metadataOfLook(server, looked);
    return looked.found === null ? metadata : metadataOfPin(server, await this.pins.pin(server, looked.found));
  }

  #remember(key: string, metadata: Promise<ServerMetadata>): Promise<ServerMetadata> {
    const reading: Remembered = { metadata, declared: null, until: Infinity };
    metadata.then(
      (read) => {
        reading.until = this.clock.now() + (read.source === 'catalogue' ? DECLARATION_HOLDS : 0);
        if (read.source === 'catalogue') reading.declared = read;
      },
      (error) => {
        reading.until = this.clock.now() + (error instanceof UpstreamFailed ? FAILURE_HOLDS : 0);
      },
    );
    this.#reading.delete(key);
    this.#reading.set(key, reading);
    const [oldest] = this.#reading.keys();
    if (this.#reading.size > REMEMBERED && oldest !== undefined) this.#reading.delete(oldest);
    return reading.metadata;
  }
}

/** A pin and a definition of the catalogue never change, so what they come to is one object: others know it again by that. */
const derived = new WeakMap<MetadataPin, { readonly server: AuthorizationServer; readonly metadata: ServerMetadata }>();

function metadataOfPin(server: AuthorizationServer, pin: MetadataPin): ServerMetadata {
  const known = derived.get(pin);
  if (known?.server === server) return known.metadata;
  const metadata = metadataOfDocument(server, pin.document);
  derived.set(pin, { server, metadata });
  return metadata;
}

function keyOf(server: AuthorizationServer): string {
  return JSON.stringify([server.id, server.issuer, server.tokenEndpoint, server.revocationEndpoint, server.allowHosts, server.ca]);
}
