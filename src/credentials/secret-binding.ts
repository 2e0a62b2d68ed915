import type { AuthorizationServer } from '../catalogue/catalogue.js';

/** Where a secret (by its keyed digest) was ever meant to go. */
export interface SecretBinding {
  readonly keyedDigest: string | null;
  readonly issuer: string;
  /** Null until it was first used. */
  readonly tokenEndpointOrigin: string | null;
}

/**
 * Whether a secret that is bound so may go to this server (DESIGN §5). Whoever may write the catalogue could otherwise have a
 * secret sent to a server of their own, by pointing its client, or a client of another name, there.
 */
export function mayGoTo(server: AuthorizationServer, bindings: readonly SecretBinding[], keyedDigest: string): boolean {
  return bindings.every((binding) => binding.keyedDigest !== keyedDigest || !leadsElsewhere(server, binding));
}

/** Whether the server is another than the one of the binding, as far as the catalogue tells. */
export function leadsElsewhere(server: AuthorizationServer, binding: SecretBinding): boolean {
  return binding.issuer !== server.issuer || endpointMoved(server, binding);
}

/** Whether the catalogue pins the token endpoint to another origin than the one that the credential was used at. */
export function endpointMoved(server: AuthorizationServer, { tokenEndpointOrigin }: SecretBinding): boolean {
  return server.tokenEndpoint !== undefined && tokenEndpointOrigin !== null && new URL(server.tokenEndpoint).origin !== tokenEndpointOrigin;
}
