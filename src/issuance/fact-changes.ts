import type { ApiKey } from '../access/api-key.js';
import type { Entry } from '../attribution/entry-log.js';
import type { Epoch } from '../attribution/epoch.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import type { SealedCredential } from '../credentials/sealed-credential.js';
import type { PolicySource } from '../policy/policy-compiler.js';
import type { Suspension } from '../suspensions/suspension.js';
import type { MetadataPin } from '../upstreams/metadata-pins.js';

/** Versions that come into use and versions (by id) that go out of it. */
export interface CredentialChange {
  readonly created: readonly SealedCredential[];
  readonly retired: readonly string[];
}

/** What a rotation names for an end that is no success. */
export type RotationFailure = 'failed' | 'cancelled';

/**
 * One change of what decisions rest on, named as the entry that records it, but for the steps of a rotation (`credential.…`). Times of
 * the change are the database's; durations in milliseconds.
 */
export type FactChange =
  | { readonly kind: 'suspension.raised'; readonly suspension: Omit<Suspension, 'raisedAt' | 'liftedAt'> }
  | { readonly kind: 'suspension.lifted'; readonly suspension: string; readonly liftedBy: string }
  | { readonly kind: 'catalogue.changed'; readonly revision: NewCatalogueRevision; readonly credentials: CredentialChange }
  | { readonly kind: 'credential.changed'; readonly credentials: CredentialChange }
  | {
      readonly kind: 'rotation.begun';
      readonly rotation: string;
      readonly credential: SealedCredential;
      readonly replaces: string;
      readonly begunBy: string;
      /** Milliseconds in which it must prove itself; null while its operator has yet to register it. */
      readonly proofIn: number | null;
    }
  | { readonly kind: 'rotation.registered'; readonly rotation: string; readonly proofIn: number }
  | { readonly kind: 'rotation.shifted'; readonly rotation: string; readonly overlap: number }
  | { readonly kind: 'rotation.finished'; readonly rotation: string }
  | { readonly kind: 'rotation.failed'; readonly rotation: string; readonly state: RotationFailure; readonly fault: string | null }
  | { readonly kind: 'policy.activated'; readonly digest: string; readonly source: PolicySource; readonly activatedBy: string }
  | { readonly kind: 'metadata.pinned' | 'metadata.changed' | 'metadata.approved'; readonly pin: Omit<MetadataPin, 'pinnedAt'> }
  | { readonly kind: 'key.created'; readonly key: Omit<ApiKey, 'createdAt' | 'revokedAt'> }
  | { readonly kind: 'key.revoked'; readonly key: string };

export interface NewCatalogueRevision {
  readonly id: string;
  /** SHA-256 of the source, hex. */
  readonly sha256: string;
  readonly catalogue: Catalogue;
  /** The file as it was applied. */
  readonly source: string;
  readonly appliedBy: string;
}

/**
 * applied: `epoch` is the one that the change made, `at` when (milliseconds since 1970), and `withdrawn` the issuances that may
 * be released no more because of it, each with work to revoke it; `unfinished` when there may be more of them. stale: facts are not those that were expected.
 */
export type FactChanged =
  | {
      readonly verdict: 'applied';
      readonly epoch: Epoch;
      readonly at: number;
      readonly withdrawn: readonly string[];
      readonly unfinished: boolean;
    }
  | { readonly verdict: 'stale' };

/** Appends that were running did not end in time: nothing was changed, and it may be tried again. */
export class FactsLocked extends Error {
  constructor() {
    super('facts could not be changed: requests that were being recorded did not end in time; nothing was changed, try again');
    this.name = 'FactsLocked';
  }
}

/** The epoch that a change of these facts makes, and that its entries carry. */
export function epochAfter(epoch: Epoch): Epoch {
  return { incarnation: epoch.incarnation, number: epoch.number + 1 };
}

/**
 * Changing a fact (DESIGN §7).
 *
 * apply MUST do nothing unless the facts are of the expected epoch; else it makes the change, raises the epoch by one and records
 * the entries (one at least, made for `epochAfter(expected)`), all of it or nothing. It MUST wait for every append that has begun, so
 * that when it has resolved nothing can be recorded that rests on older facts, on any replica; that wait is bounded: FactsLocked.
 * It MUST NOT resolve before the change survives a crash, MUST NOT run inside anyone's transaction, and MUST NOT change twice
 * when it is called again with the same entries after an answer was lost.
 * Raising a suspension withdraws every live issuance and every attempt under way that it covers, shared ones included, and keeps what it
 * found exposed: the first 10,000 in the same step. That there may be others is kept with the suspension, which keeps them from being
 * released while it is in force; withdrawMore withdraws them, and one that has others left cannot be lifted. A catalogue that gives an owner who is
 * suspended another workflow withdraws what that workflow holds, in the same way.
 *
 * withdrawMore goes on with one suspension, the one that is named or any, for as much as apply does at once, and gives whether there is
 * more to do. Any process may call it, also while others do.
 */
export abstract class FactChanges {
  abstract apply(change: FactChange, expected: Epoch, entries: readonly Entry[]): Promise<FactChanged>;
  abstract withdrawMore(suspension: string | null): Promise<boolean>;
}
