import type { Catalogue } from '../catalogue/catalogue.js';
import { namesEndpoints, profiles, standardProfile } from '../catalogue/profile.js';
import { resourceSnippet, serverSnippet } from '../catalogue/snippet.js';
import type { ResourcePreview } from '../upstreams/preview-resource.js';
import type { PreviewReach, ServerPreview } from '../upstreams/preview-server.js';

/** What was found and what would be used of it, and the part of the catalogue to start from. */
export function printServerPreview(preview: ServerPreview, { allowHosts, ca }: PreviewReach): Record<string, unknown> {
  const { issuer, looks, found, metadata, profile, method, remarks } = preview;
  const document = found?.document ?? null;
  const matches = document === null ? null : document.issuer === issuer;
  return {
    issuer,
    usable: metadata !== null && method !== null,
    looked: looks,
    location: found?.location ?? null,
    issuer_matches: matches,
    metadata: document,
    method,
    profile,
    remarks,
    snippet:
      matches === false
        ? null
        : serverSnippet({
            ...preview,
            profile: profile.name,
            allowHosts,
            ca: ca?.path ?? null,
            ...methodOf(preview),
            pinned: pinned(preview),
            undecided: undecided(preview),
          }),
  };
}

function methodOf({ method }: ServerPreview): { method: string | null; algorithm: string | null } {
  return { method: method?.name ?? null, algorithm: method?.algorithm ?? null };
}

/** Where assertions name endpoints the catalogue must say them, and whoever copies the snippet says that they are right. */
function pinned({ profile: { name }, metadata, method }: ServerPreview): Record<string, string> {
  const profile = profiles[name] ?? standardProfile;
  if (metadata === null || method?.algorithm == null || !namesEndpoints(profile)) return {};
  const { tokenEndpoint, revocationEndpoint } = metadata;
  return {
    token_endpoint: tokenEndpoint,
    ...(revocationEndpoint === null || !profile.revokesTokens ? {} : { revocation_endpoint: revocationEndpoint }),
  };
}

/** What a document names at another origin is not for us to believe. */
function undecided({ found, metadata }: ServerPreview): Record<string, string> {
  if (metadata !== null) return {};
  const { token_endpoint: token = null, revocation_endpoint: revocation = null } = found?.document ?? {};
  return { token_endpoint: token ?? 'https://…', ...(revocation === null ? {} : { revocation_endpoint: revocation }) };
}

/** What a resource says of itself, beside what the catalogue declares. */
export function printResourcePreview(preview: ResourcePreview, catalogue: Catalogue): Record<string, unknown> {
  const { resource, looks, authorizationServers, scopes } = preview;
  const { url: location, status, came } = looks.find((look) => look.came === 'document') ?? looks[0];
  // CONFORMANCE A78: a name in somebody else's document makes nobody trusted
  const named = authorizationServers.map((issuer) => ({
    issuer,
    declared_as: Object.values(catalogue.authorizationServers).find((server) => server.issuer === issuer)?.id ?? null,
  }));
  const known = named.find(({ declared_as: id }) => id !== null)?.declared_as ?? null;
  return {
    resource,
    looked: looks,
    location,
    status,
    came,
    authorization_servers: named,
    scopes_supported: scopes,
    snippet: came === 'document' ? resourceSnippet({ uri: resource, authorizationServer: known, scopes }) : null,
  };
}
