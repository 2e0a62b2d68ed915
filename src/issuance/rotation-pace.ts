import type { EntryMembers } from '../attribution/entry.js';
import type { CredentialKey } from '../credentials/sealed-credential.js';

/** How long the steps of a rotation take (docs/rotation.md), in milliseconds. */
export const rotationPace = {
  /** In which a new version must prove itself: longer than servers keep a client's keys without looking for new ones. */
  proof: 24 * 3_600_000,
  /** Between attempts at that: twice as long each time. */
  firstPause: 1_000,
  longestPause: 3_600_000,
  /**
   * In which the old version stays known after the new one is in use: assertions that were signed with it live for 5 minutes, and
   * servers of several nodes learn of the new one at different times.
   */
  overlap: 3_600_000,
  /** Before the schedule tries again, also after one that was cancelled. */
  afterFailure: 24 * 3_600_000,
} as const;

/** Before the `attempt`th attempt after the one that was the first. */
export function pauseBefore(attempt: number): number {
  return Math.min(rotationPace.firstPause * 2 ** Math.min(attempt - 1, 30), rotationPace.longestPause);
}

/** A version as entries name it. */
export function credentialMembers({ id, key }: { readonly id: string; readonly key: CredentialKey | null }): EntryMembers {
  return { credential: key === null ? { id } : { id, kid: key.kid } };
}
