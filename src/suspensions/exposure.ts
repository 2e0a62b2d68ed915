import type { SuspensionKind } from './suspension.js';

/**
 * A token that may still work, or an attempt whose token may: what a suspension cannot take back by itself.
 * `expiresAt` (milliseconds since 1970) is the token's end, or the latest that it can have where its outcome is not known.
 */
export interface Exposure {
  readonly issuance: string;
  readonly state: 'open' | 'issued' | 'refused' | 'unknown';
  readonly run: string;
  readonly resource: string;
  readonly expiresAt: number;
  /** null while it may still be released; unsupported where the server cannot revoke. */
  readonly revocation: 'pending' | 'revoked' | 'unsupported' | null;
}

/**
 * Where exposure is looked up.
 *
 * of lists everything that a suspension of this kind and target covers and that was not confirmed revoked, the longest-lived
 * first, and the issuances that `withdrawn` names whatever became of them. A run's and a workflow's exposure include what
 * their descendants hold, and shared tokens that any of them holds.
 */
export abstract class ExposureList {
  abstract of(kind: SuspensionKind, target: string | null, withdrawn?: readonly string[]): Promise<readonly Exposure[]>;
}
