import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import { readMetadata } from './discovery.js';
import type { ServerMetadata } from './metadata.js';
import type { UpstreamHttp } from './upstream-http.js';

/** Milliseconds. */
const DEADLINE = 5_000;
const FAILURE_HOLDS = 5_000;
/** What only the catalogue says is asked for again: the server may publish its document meanwhile. */
const DECLARATION_HOLDS = 60_000;
const REMEMBERED = 256;

interface Remembered {
  readonly metadata: Promise<ServerMetadata>;
  /** Once it was read. */
  known: ServerMetadata | null;
  /** Milliseconds since 1970; a document is kept for the life of the process, so that it cannot drift unseen (A74). */
  until: number;
}

/**
 * The metadata of authorization servers, each read once however many ask at the same time. The key is the whole definition of the
 * server: one that the catalogue defines anew is read anew. A failure is remembered for a few seconds.
 */
export class MetadataCache {
  readonly #remembered = new Map<string, Remembered>();

  constructor(
    private readonly http: UpstreamHttp,
    private readonly clock: Clock,
    private readonly deadline = DEADLINE,
  ) {}

  /** What was read of it already; null when nothing was. */
  known(server: AuthorizationServer): ServerMetadata | null {
    return this.#remembered.get(keyOf(server))?.known ?? null;
  }

  /** @throws UpstreamFailed */
  get(server: AuthorizationServer): Promise<ServerMetadata> {
    const key = keyOf(server);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && this.clock.now() < remembered.until) return remembered.metadata;
    return this.#read(key, server);
  }

  #read(key: string, server: AuthorizationServer): Promise<ServerMetadata> {
    const reading: Remembered = { metadata: readMetadata(server, this.http, this.clock, this.deadline), known: null, until: Infinity };
    reading.metadata.then(
      (metadata) => {
        reading.known = metadata;
        if (metadata.source === 'catalogue') reading.until = this.clock.now() + DECLARATION_HOLDS;
      },
      () => {
        reading.until = this.clock.now() + FAILURE_HOLDS;
      },
    );
    this.#remembered.delete(key);
    this.#remembered.set(key, reading);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    return reading.metadata;
  }
}

function keyOf(server: AuthorizationServer): string {
  return JSON.stringify([server.issuer, server.tokenEndpoint, server.revocationEndpoint, server.allowHosts, server.ca]);
}
