import { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Claims } from './access-token-claims.js';
import type { TokenWish } from './token.js';

export interface GrantedDetails {
  readonly granted: AuthorizationDetails;
  readonly fault: 'details_broader' | 'details_unusable' | null;
}

/**
 * What the server granted in detail, by its response (RFC 9396 §7: it must say) and by the claim of a token that holds them (§9.1): the
 * narrower of the two. More than was asked for in either is refused (CONFORMANCE A46), also where nothing was asked; and so is nothing
 * of what was asked, or a statement that cannot be understood.
 */
export function grantedDetails({ details: requested }: TokenWish, member: unknown, claims: Claims | null): GrantedDetails {
  const said = detailsOf(member);
  const claimed = detailsOf(claims?.get('authorization_details'));
  if (said === 'unclear' || claimed === 'unclear') return unusable;
  const broader = [said, claimed].find((stated) => stated?.isNoBroaderThan(requested) === false);
  if (broader) return { granted: broader, fault: 'details_broader' };
  const granted = said ?? AuthorizationDetails.none;
  if (granted.isEmpty) return requested.isEmpty ? { granted, fault: null } : unusable;
  if (claimed === null || granted.isNoBroaderThan(claimed)) return { granted, fault: null };
  return !claimed.isEmpty && claimed.isNoBroaderThan(granted) ? { granted: claimed, fault: null } : unusable;
}

const unusable: GrantedDetails = { granted: AuthorizationDetails.none, fault: 'details_unusable' };

/** Null when it is absent, which null and an empty text are too (CONFORMANCE Q36). An empty list says: none. */
function detailsOf(stated: unknown): AuthorizationDetails | null | 'unclear' {
  if (stated === undefined || stated === null || stated === '') return null;
  if (Array.isArray(stated) && stated.length === 0) return AuthorizationDetails.none;
  return AuthorizationDetails.of(stated) ?? 'unclear';
}
