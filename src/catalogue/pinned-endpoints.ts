import type { Profile } from './profile.js';

/** The endpoints that the catalogue names of a server. */
export interface PinnedEndpoints {
  readonly token_endpoint?: string | undefined;
  readonly revocation_endpoint?: string | undefined;
}

/**
 * What is missing for assertions with this audience, or null: an endpoint that was learned from metadata could make them good for another
 * server (CONFORMANCE A21).
 */
export function unpinned(
  audience: Profile['assertionAudience'],
  revokes: boolean,
  server: PinnedEndpoints,
): 'token_endpoint' | 'revocation_endpoint' | null {
  if (audience === 'issuer') return null;
  if (server.token_endpoint === undefined) return 'token_endpoint';
  return audience === 'endpoint' && revokes && server.revocation_endpoint === undefined ? 'revocation_endpoint' : null;
}
