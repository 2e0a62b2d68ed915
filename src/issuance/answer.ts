import type { Verdict } from '../attribution/entry-log.js';
import type { OAuthError } from '../oauth/errors.js';
import type { UpstreamFault } from '../upstreams/token.js';
import type { Release } from './release.js';

/** Where a token that was handed over came from: it was in memory, others asked for it at that time or before, or it was obtained for this request. */
export type ReleasedFrom = 'cached' | 'shared' | 'fresh';

/**
 * What one attempt at a request came to: handed over, turned away, `recorded` with the decision's input or not and for an upstream's `fault`
 * or not, or to be decided again.
 */
export type Answer =
  | { readonly kind: 'released'; readonly release: Release; readonly from: ReleasedFrom }
  | { readonly kind: 'turned_away'; readonly error: OAuthError; readonly recorded: boolean; readonly fault?: UpstreamFault }
  | { readonly kind: 'again'; readonly verdict: Verdict };

export function again(verdict: Verdict): Answer {
  return { kind: 'again', verdict };
}

export function isRecorded(verdict: Verdict | undefined): boolean {
  return verdict === 'recorded' || verdict === 'duplicate';
}
