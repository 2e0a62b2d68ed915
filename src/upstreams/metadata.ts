import { z } from 'zod';
import type { AuthorizationServer } from '../catalogue/catalogue.js';
import { UpstreamFailed } from './upstream-failed.js';
import { isAllowedHost } from './upstream-http.js';

/** What is good to know and stops nothing (CONFORMANCE A75). */
export type MetadataWarning = 'grant_types_not_published' | 'client_credentials_not_published';

/** What Corridor uses of an authorization server's metadata (RFC 8414 §2), checked. */
export interface ServerMetadata {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string | null;
  /** The JWS algorithms it accepts for client authentication at each endpoint; null where it does not say. */
  readonly tokenEndpointAlgorithms: readonly string[] | null;
  readonly revocationEndpointAlgorithms: readonly string[] | null;
  /** The types of authorization details that it knows (RFC 9396 §10); null where it does not say. */
  readonly authorizationDetailsTypes: readonly string[] | null;
  readonly warnings: readonly MetadataWarning[];
  /** The server's own document, or what the catalogue says because there was none. */
  readonly source: 'document' | 'catalogue';
}

// null and "" are taken as absent (CONFORMANCE Q36)
const text = z
  .string()
  .nullish()
  .transform((value) => value || null);
const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? null);
const document = z.object({
  issuer: z.string(),
  token_endpoint: text,
  revocation_endpoint: text,
  token_endpoint_auth_signing_alg_values_supported: list,
  revocation_endpoint_auth_signing_alg_values_supported: list,
  authorization_details_types_supported: list.catch(null),
  grant_types_supported: list.catch(null),
});

/**
 * Judges one metadata document as a whole: its issuer must be the very text by which the server is known (RFC 8414 §3.3), and its
 * endpoints must be ones that we may use. What the catalogue names stands above what the document says.
 * @throws UpstreamFailed `metadata_invalid`
 */
export function metadataOfDocument(server: AuthorizationServer, json: unknown): ServerMetadata {
  const parsed = document.safeParse(json);
  if (!parsed.success || parsed.data.issuer !== server.issuer) throw new UpstreamFailed('metadata_invalid');
  const { data } = parsed;
  const tokenEndpoint = server.tokenEndpoint ?? data.token_endpoint;
  if (tokenEndpoint === null) throw new UpstreamFailed('metadata_invalid');
  return checked(server, {
    issuer: server.issuer,
    tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? data.revocation_endpoint,
    tokenEndpointAlgorithms: data.token_endpoint_auth_signing_alg_values_supported,
    revocationEndpointAlgorithms: data.revocation_endpoint_auth_signing_alg_values_supported,
    authorizationDetailsTypes: data.authorization_details_types_supported,
    warnings: grantWarnings(data.grant_types_supported),
    source: 'document',
  });
}

/** What the catalogue alone says, or null when that is not enough. @throws UpstreamFailed `metadata_invalid` */
export function metadataOfCatalogue(server: AuthorizationServer): ServerMetadata | null {
  if (server.tokenEndpoint === undefined) return null;
  return checked(server, {
    issuer: server.issuer,
    tokenEndpoint: server.tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? null,
    tokenEndpointAlgorithms: null,
    revocationEndpointAlgorithms: null,
    authorizationDetailsTypes: null,
    warnings: [],
    source: 'catalogue',
  });
}

// RFC 8414 §2: absent means authorization code and implicit, but servers of this grant forget to say so
function grantWarnings(grants: readonly string[] | null): readonly MetadataWarning[] {
  if (grants === null) return ['grant_types_not_published'];
  return grants.includes('client_credentials') ? [] : ['client_credentials_not_published'];
}

function checked(server: AuthorizationServer, metadata: ServerMetadata): ServerMetadata {
  for (const endpoint of [metadata.tokenEndpoint, metadata.revocationEndpoint]) {
    if (endpoint !== null && !isUsableEndpoint(server, endpoint)) throw new UpstreamFailed('metadata_invalid');
  }
  return metadata;
}

/**
 * https (plain http only for the hosts that the catalogue allows), without a fragment (RFC 6749 §3.2) or credentials, and at
 * the issuer's origin or one that the catalogue names (CONFORMANCE A73): a document may not send our credentials elsewhere.
 */
function isUsableEndpoint(server: AuthorizationServer, endpoint: string): boolean {
  if (!URL.canParse(endpoint) || endpoint.includes('#')) return false;
  const url = new URL(endpoint);
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isAllowedHost(url, server.allowHosts));
  const approved = [server.issuer, server.tokenEndpoint, server.revocationEndpoint].some(
    (named) => named !== undefined && originOf(named) === url.origin,
  );
  return secure && approved && url.username === '' && url.password === '';
}

export function originOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}
