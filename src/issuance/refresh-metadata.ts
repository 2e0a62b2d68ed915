import { Conflict, NotFound } from '../access/errors.js';
import type { EntryMaker } from '../attribution/entry.js';
import type { AuthorizationServer, Catalogue } from '../catalogue/catalogue.js';
import { declared } from '../catalogue/look-up.js';
import type { Clock } from '../oauth/clock.js';
import { lookForMetadata, type FoundDocument, type Look, type Looked } from '../upstreams/discovery.js';
import { endpointsFor } from '../upstreams/endpoints.js';
import { metadataOfDocument } from '../upstreams/metadata.js';
import type { MetadataPin } from '../upstreams/metadata-pins.js';
import type { MetadataWatch, Seen, WatchedServer } from '../upstreams/metadata-watch.js';
import { documentDigest, movedBetween, type Moved } from '../upstreams/server-document.js';
import type { UpstreamFault } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';
import type { UpstreamHttp } from '../upstreams/upstream-http.js';
import type { ChangeFacts } from './change-facts.js';
import type { FactsSource } from './facts.js';
import { newPin, pinMembers, pinOf } from './pin-metadata.js';

/** Milliseconds. */
const EVERY = 900_000;
const DEADLINE = 5_000;
const AT_ONCE = 10;

/** A server that offers what may not be used without approval, and did not before. */
export interface Drifted {
  readonly authorizationServer: string;
  readonly moved: readonly Moved[];
}

/**
 * Reads the metadata of pinned servers anew, off the path of every request. What only says what a server can do is taken over; what
 * moves an endpoint, the keys or the issuer waits for approval, and all of that document with it (CONFORMANCE A70, A74).
 */
export class RefreshMetadata {
  constructor(
    private readonly facts: FactsSource,
    private readonly changeFacts: ChangeFacts,
    private readonly watch: MetadataWatch,
    private readonly http: UpstreamHttp,
    private readonly entries: EntryMaker,
    private readonly clock: Clock,
  ) {}

  /** Those that were not read for a quarter of an hour. Gives what is offered anew. */
  async turn(): Promise<readonly Drifted[]> {
    const due = await this.watch.takeDue(EVERY, AT_ONCE);
    if (due.length === 0) return [];
    const facts = await this.facts.latest();
    const drifted = due.map(async ({ authorizationServer, issuer }) => {
      const server = declared(facts.catalogue.authorizationServers, authorizationServer);
      const pin = server?.issuer === issuer ? pinOf(facts, server) : null;
      return server === null || pin === null ? null : this.#read(server, pin);
    });
    return (await Promise.all(drifted)).filter((one) => one !== null);
  }

  /** One server, now. @throws NotFound, Conflict when nothing was read of it yet, Unavailable */
  async refresh(id: string): Promise<void> {
    const facts = await this.facts.latest();
    const server = declared(facts.catalogue.authorizationServers, id);
    if (server === null) throw new NotFound('authorization_server_unknown', 'there is no such authorization server in the catalogue');
    const pin = pinOf(facts, server);
    if (pin === null) throw new Conflict('nothing_pinned', 'nothing is kept of this server yet: it is read when a token is first wanted');
    await this.#read(server, pin);
  }

  async #read(server: AuthorizationServer, pin: MetadataPin): Promise<Drifted | null> {
    const looked = await lookForMetadata(server, this.http, this.clock, DEADLINE);
    const seen = looked.found === null ? failed(looked) : this.#compare(server, pin, looked.found);
    if (seen.kind === 'nothing_held' && looked.found !== null) await this.#takeOver(server, pin, looked.found);
    const fresh = await this.watch.note(watched(server), seen);
    return fresh && seen.kind === 'offered'
      ? { authorizationServer: server.id, moved: movedBetween(pin.document, seen.document.document) }
      : null;
  }

  #compare(server: AuthorizationServer, pin: MetadataPin, found: FoundDocument): Seen {
    if (movedBetween(pin.document, found.document).length === 0) return { kind: 'nothing_held' };
    return { kind: 'offered', document: found, digest: documentDigest(found.document) };
  }

  async #takeOver(server: AuthorizationServer, before: MetadataPin, found: FoundDocument): Promise<void> {
    const pin = newPin(server, found, before.approvedBy);
    if (pin.digest === before.digest) return;
    await this.changeFacts.change((facts, after) => {
      // it was compared with this one and no other
      if (pinOf(facts, server)?.digest !== before.digest) return null;
      const members = { ...pinMembers(pin), replaces: before.digest };
      return { change: { kind: 'metadata.changed', pin }, entries: [this.entries.make('metadata.changed', after, members)] };
    });
  }
}

export function watched({ id, issuer }: AuthorizationServer): WatchedServer {
  return { authorizationServer: id, issuer };
}

/** Why a document that is offered cannot be used; null when it can, by each client of this server. */
export function offerProblem({ clients }: Catalogue, server: AuthorizationServer, { document }: FoundDocument): string | null {
  const metadata = ifUsable(() => metadataOfDocument(server, document));
  if (metadata === null) {
    if (document.issuer !== server.issuer) return 'its issuer is not the one that corridor.yaml names';
    return 'it names no token endpoint that may be used: it must be https, and at the issuer’s origin or one that corridor.yaml names';
  }
  const own = Object.values(clients).filter(({ authorizationServer }) => authorizationServer === server.id);
  const lost = own.find((client) => ifUsable(() => endpointsFor({ server, client }, metadata)) === null);
  if (lost === undefined) return null;
  return `client ${lost.id} may not use its mtls_endpoint_aliases, which must be https, and at the issuer’s origin or one that corridor.yaml names: give mtls_token_endpoint if they are right`;
}

function ifUsable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof UpstreamFailed) return null;
    throw error;
  }
}

function failed({ looks }: Looked): Seen {
  const unclear = looks.some(({ came }) => came === 'no_object' || came === 'unusable' || came === 'ambiguous');
  return {
    kind: 'failed',
    fault: unclear ? 'metadata_invalid' : (looks.map(faultOf).find((fault) => fault !== null) ?? 'metadata_unavailable'),
  };
}

function faultOf({ came, status }: Look): UpstreamFault | null {
  if (came === 'other_status') return status !== null && status >= 500 ? 'server_unavailable' : null;
  return came === 'document' || came === 'unusable' || came === 'ambiguous' || came === 'no_object' || came === 'not_asked' ? null : came;
}
