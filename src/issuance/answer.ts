import type { Verdict } from '../attribution/entry-log.js';
import type { OAuthError } from '../oauth/errors.js';
import type { UpstreamFault } from '../upstreams/token.js';
import type { Release } from './release.js';

/** What one attempt at a request came to: handed over, turned away (and recorded; `fault` when it was for an upstream's), or to be decided again. */
export type Answer =
  | { readonly kind: 'released'; readonly release: Release }
  | { readonly kind: 'turned_away'; readonly error: OAuthError; readonly fault?: UpstreamFault }
  | { readonly kind: 'again'; readonly verdict: Verdict };

export function again(verdict: Verdict): Answer {
  return { kind: 'again', verdict };
}

export function isRecorded(verdict: Verdict | undefined): boolean {
  return verdict === 'recorded' || verdict === 'duplicate';
}
