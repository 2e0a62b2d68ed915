import type { Release } from '../issuance/release.js';

/** RFC 6749 §5.1, and `attribution`, the entry that records the release. The scope is always said. */
export function printTokenResponse(release: Release): string {
  return JSON.stringify({
    access_token: release.accessToken.reveal(),
    token_type: release.tokenType,
    expires_in: release.expiresIn,
    scope: release.scope.toString(),
    attribution: release.attribution,
  });
}
