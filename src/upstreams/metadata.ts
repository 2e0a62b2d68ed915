import type { AuthorizationServer } from '../catalogue/catalogue.js';
import { documentShape, type ServerDocument } from './server-document.js';
import { UpstreamFailed } from './upstream-failed.js';
import { isAllowedHost } from './upstream-http.js';

/** What is good to know and stops nothing (CONFORMANCE A75). */
export type MetadataWarning = 'grant_types_not_published' | 'client_credentials_not_published';

/** What Corridor uses of an authorization server's metadata (RFC 8414 §2), checked. */
export interface ServerMetadata {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string | null;
  /** Null also where the server names one that we may not use: nothing depends on it that would not be refused without. */
  readonly introspectionEndpoint: string | null;
  /** The JWS algorithms it accepts for client authentication at each endpoint; null where it does not say. */
  readonly tokenEndpointAlgorithms: readonly string[] | null;
  readonly revocationEndpointAlgorithms: readonly string[] | null;
  readonly introspectionEndpointAlgorithms: readonly string[] | null;
  /** The methods of client authentication there; null where it does not say. At the token endpoint the catalogue names the method. */
  readonly revocationEndpointMethods: readonly string[] | null;
  readonly introspectionEndpointMethods: readonly string[] | null;
  /** The types of authorization details that it knows (RFC 9396 §10); null where it does not say. */
  readonly authorizationDetailsTypes: readonly string[] | null;
  /** Where clients go that show a certificate (RFC 8705 §5), as the document says it: checked by `endpointsFor`. */
  readonly mtlsAliases?: {
    readonly tokenEndpoint: string | null;
    readonly revocationEndpoint: string | null;
    readonly introspectionEndpoint: string | null;
  };
  /** The algorithms of proofs of possession that it takes (RFC 9449 §5.1), where it says so. */
  readonly proofAlgorithms?: readonly string[];
  readonly warnings: readonly MetadataWarning[];
  /** The server's own document, or what the catalogue says because there was none. */
  readonly source: 'document' | 'catalogue';
}

/** Parses one metadata document: what is kept of it, or null when it is none. */
export function readDocument(json: unknown): ServerDocument | null {
  return documentShape.safeParse(json).data ?? null;
}

/**
 * Judges one metadata document as a whole: its issuer must be the very text by which the server is known (RFC 8414 §3.3), and its
 * endpoints must be ones that we may use. What the catalogue names stands above what the document says.
 * @throws UpstreamFailed `metadata_invalid`
 */
export function metadataOfDocument(server: AuthorizationServer, document: ServerDocument): ServerMetadata {
  if (document.issuer !== server.issuer) throw new UpstreamFailed('metadata_invalid');
  const tokenEndpoint = server.tokenEndpoint ?? document.token_endpoint;
  if (tokenEndpoint === null) throw new UpstreamFailed('metadata_invalid');
  return checked(server, {
    issuer: server.issuer,
    tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? document.revocation_endpoint,
    introspectionEndpoint: usableOrNull(server, document.introspection_endpoint),
    tokenEndpointAlgorithms: document.token_endpoint_auth_signing_alg_values_supported,
    revocationEndpointAlgorithms: document.revocation_endpoint_auth_signing_alg_values_supported,
    introspectionEndpointAlgorithms: document.introspection_endpoint_auth_signing_alg_values_supported,
    revocationEndpointMethods: document.revocation_endpoint_auth_methods_supported,
    introspectionEndpointMethods: document.introspection_endpoint_auth_methods_supported,
    authorizationDetailsTypes: document.authorization_details_types_supported,
    ...(document.dpop_signing_alg_values_supported && { proofAlgorithms: document.dpop_signing_alg_values_supported }),
    ...(document.mtls_endpoint_aliases && {
      mtlsAliases: {
        tokenEndpoint: document.mtls_endpoint_aliases['token_endpoint'] ?? null,
        revocationEndpoint: document.mtls_endpoint_aliases['revocation_endpoint'] ?? null,
        introspectionEndpoint: document.mtls_endpoint_aliases['introspection_endpoint'] ?? null,
      },
    }),
    warnings: grantWarnings(document.grant_types_supported),
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
    introspectionEndpoint: null,
    tokenEndpointAlgorithms: null,
    revocationEndpointAlgorithms: null,
    introspectionEndpointAlgorithms: null,
    revocationEndpointMethods: null,
    introspectionEndpointMethods: null,
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

function usableOrNull(server: AuthorizationServer, endpoint: string | null): string | null {
  return endpoint !== null && isUsableEndpoint(server, endpoint) ? endpoint : null;
}

/**
 * https (plain http only for the hosts that the catalogue allows), without a fragment (RFC 6749 §3.2) or credentials, and at
 * the issuer's origin or one that the catalogue names (CONFORMANCE A73): a document may not send our credentials elsewhere.
 */
export function isUsableEndpoint(server: AuthorizationServer, endpoint: string): boolean {
  return endpointProblem(server, endpoint) === null;
}

/** An alias for clients that show a certificate (RFC 8705 §5) may also be where the catalogue says that these get their tokens. */
export function isUsableAlias(server: AuthorizationServer, alias: string): boolean {
  return endpointProblem(server, alias, server.mtlsTokenEndpoint) === null;
}

/**
 * What is wrong with an endpoint, as a sentence that follows its name; null when it may be used. It may be at the origin of `also` too.
 */
export function endpointProblem(server: AuthorizationServer, endpoint: string, also?: string): string | null {
  if (!URL.canParse(endpoint)) return 'is no absolute URL';
  const url = new URL(endpoint);
  if (endpoint.includes('#') || url.username !== '' || url.password !== '') return 'has a fragment or credentials';
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isAllowedHost(url, server.allowHosts));
  if (!secure) return 'is not https';
  const named = [server.issuer, server.tokenEndpoint, server.revocationEndpoint, also];
  if (named.some((own) => own !== undefined && originOf(own) === url.origin)) return null;
  return 'is at another origin than the issuer: name it in corridor.yaml if that is right';
}

export function originOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}
