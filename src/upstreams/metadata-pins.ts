import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { FoundDocument } from './discovery.js';

/** What was first read of a server, or taken over since: it is used until another is approved. */
export interface MetadataPin extends FoundDocument {
  readonly authorizationServer: string;
  readonly issuer: string;
  /** SHA-256 of the document, hex. */
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly pinnedAt: number;
  /** null: what came before it held the same endpoints, or nothing came before it. */
  readonly approvedBy: string | null;
}

/**
 * The documents in use, by server and issuer, the same for all replicas and after a restart.
 *
 * find MUST NOT be older than the facts that its caller decided upon, and MUST cost no query while they are the same.
 * pin MUST give the one that holds, which is another's where that was first, and MUST NOT resolve before it survives a crash.
 */
export abstract class MetadataPins {
  abstract find(server: AuthorizationServer): Promise<MetadataPin | null>;
  abstract pin(server: AuthorizationServer, found: FoundDocument): Promise<MetadataPin>;
}
