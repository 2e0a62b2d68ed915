import type { FoundDocument } from './discovery.js';
import type { UpstreamFault } from './token.js';

export interface WatchedServer {
  readonly authorizationServer: string;
  readonly issuer: string;
}

/** A document that waits for approval. Milliseconds since 1970. */
export interface OfferedDocument extends FoundDocument {
  readonly digest: string;
  readonly since: number;
}

/** What was seen of a pinned server since. Milliseconds since 1970. */
export interface WatchedMetadata extends WatchedServer {
  readonly readAt: number;
  readonly triedAt: number;
  /** Why nothing was read the last time. */
  readonly fault: string | null;
  readonly offered: OfferedDocument | null;
}

/** What came of reading anew: nothing that needs approval, a document that does, or no document. */
export type Seen =
  | { readonly kind: 'nothing_held' }
  | { readonly kind: 'offered'; readonly document: FoundDocument; readonly digest: string }
  | { readonly kind: 'failed'; readonly fault: UpstreamFault };

/**
 * What servers offer beside what is pinned of them: seen, and used by nobody.
 *
 * takeDue gives servers that nobody tried to read for `every` milliseconds, each to one caller.
 * note MUST keep the time since when a document is offered for as long as it is the same; it gives whether it is another than before.
 */
export abstract class MetadataWatch {
  abstract takeDue(every: number, limit: number): Promise<readonly WatchedServer[]>;
  abstract note(server: WatchedServer, seen: Seen): Promise<boolean>;
  abstract all(): Promise<readonly WatchedMetadata[]>;
}
