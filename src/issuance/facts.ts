import type { ApiKey } from '../access/api-key.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import type { Suspension } from '../suspensions/suspension.js';
import type { MetadataPin } from '../upstreams/metadata-pins.js';

/** What decisions rest on, of one epoch and read in one snapshot. */
export interface Facts {
  readonly epoch: Epoch;
  readonly catalogue: Catalogue;
  /** Suspensions that are not lifted; one past its `expiresAt` no longer stops anything. */
  readonly suspensions: readonly Suspension[];
  readonly keys: readonly ApiKey[];
  /** The digest of the active policy revision, or null while none is. */
  readonly policyRevision: string | null;
  /** What is in use of the metadata of authorization servers. */
  readonly pins: readonly MetadataPin[];
}

/**
 * Where facts are read.
 *
 * current MUST give a snapshot that was consistent at some moment; it may be old, since append compares its epoch.
 * latest MUST give facts no older than the call.
 */
export abstract class FactsSource {
  abstract current(): Promise<Facts>;
  abstract latest(): Promise<Facts>;
}
