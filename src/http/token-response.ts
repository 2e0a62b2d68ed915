import type { Release } from '../issuance/release.js';

/** RFC 6749 §5.1, RFC 9396 §7, and `attribution`, the entry that records the release. A scope is always said, and so are details. */
export function printTokenResponse(release: Release): string {
  return JSON.stringify({
    access_token: release.accessToken.reveal(),
    token_type: release.tokenType,
    expires_in: release.expiresIn,
    ...(release.scope.isEmpty ? {} : { scope: release.scope.toString() }),
    ...(release.details.isEmpty ? {} : { authorization_details: release.details }),
    attribution: release.attribution,
  });
}
