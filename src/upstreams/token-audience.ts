import { ResourceIndicator } from '../oauth/resource-indicator.js';
import { stringsOf, type Claims } from './access-token-claims.js';

/** What is kept of an audience that is refused: enough to see what it was, little enough to be recorded. */
const KEPT = 8;
const RECORDABLE = /^[\x20-\x7e]{1,512}$/;

export interface LearnedAudience {
  readonly audience: readonly string[] | 'unverified';
  readonly fault: 'audience_mismatch' | null;
}

/** Compares the audience that a token names (RFC 9068 §3) with the resource that was asked for: it, and nobody else. */
export function learnAudience(resource: string, claims: Claims | null): LearnedAudience {
  const named = stringsOf(claims?.get('aud'));
  if (named === 'unclear') return { audience: [], fault: 'audience_mismatch' };
  if (named === null || named.length === 0) return { audience: 'unverified', fault: null };
  const audience = [...new Set(named)];
  if (audience.every((one) => isResource(one, resource))) return { audience, fault: null };
  return { audience: audience.filter((one) => RECORDABLE.test(one)).slice(0, KEPT), fault: 'audience_mismatch' };
}

/** An audience may be no URI at all, and is then no resource. */
function isResource(audience: string, resource: string): boolean {
  if (audience === resource) return true;
  try {
    return ResourceIndicator.parse(audience).equals(ResourceIndicator.parse(resource));
  } catch {
    return false;
  }
}
