import { assertionAlgorithms } from '../runs/public-key.js';
import { pathOf } from './oauth-path.js';

/** How a run authenticates, at every endpoint. */
const runMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];

/** Corridor's metadata as an authorization server (RFC 8414 §2), made from configuration alone (CONFORMANCE B9) but for what the catalogue declares. */
export class AuthorizationServerMetadata {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Where RFC 8414 §3.1 puts the document: the well-known path stands between the issuer's host and its path. */
  readonly path: string;
  readonly document: Readonly<Record<string, unknown>>;

  /**
   * MCP SDKs refuse metadata without `authorization_endpoint` and `response_types_supported`, so both are published,
   * with an endpoint that answers every request with an error, unless the setting leaves them out (CONFORMANCE D4).
   */
  constructor(
    publicUrl: string,
    readonly hasAuthorizationEndpoint: boolean,
  ) {
    this.issuer = `${publicUrl}/oauth2`;
    this.tokenEndpoint = `${this.issuer}/token`;
    this.path = `/.well-known/oauth-authorization-server${pathOf(this.issuer)}`;
    this.document = {
      issuer: this.issuer,
      token_endpoint: this.tokenEndpoint,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: runMethods,
      token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
      revocation_endpoint: `${this.issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: runMethods,
      revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
      introspection_endpoint: `${this.issuer}/introspect`,
      // RFC 8414 §2 allows token types here: a resource server presents its key as one
      introspection_endpoint_auth_methods_supported: [...runMethods, 'Bearer'],
      introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
      ...(hasAuthorizationEndpoint ? { authorization_endpoint: `${this.issuer}/authorize`, response_types_supported: ['none'] } : {}),
    };
  }
}
