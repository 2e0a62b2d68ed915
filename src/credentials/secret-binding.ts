import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { CredentialBinding } from './sealed-credential.js';

/**
 * Whether a secret that is bound so may go to this server (DESIGN §5). Whoever may write the catalogue could otherwise have a
 * secret sent to a server of their own, by pointing its client, or a client of another name, there.
 */
export function mayGoTo(server: AuthorizationServer, bindings: readonly CredentialBinding[], keyedDigest: string): boolean {
  return bindings.every((binding) => binding.keyedDigest !== keyedDigest || !leadsElsewhere(server, binding));
}

/** Whether the server is another than the one of the binding, as far as the catalogue tells. */
function leadsElsewhere(server: AuthorizationServer, binding: CredentialBinding): boolean {
  return binding.issuer !== server.issuer || endpointMoved(server, binding);
}

/** Whether the catalogue pins the token endpoint to another origin than the one that the credential was used at. */
export function endpointMoved(server: AuthorizationServer, { tokenEndpointOrigin }: CredentialBinding): boolean {
  return server.tokenEndpoint !== undefined && tokenEndpointOrigin !== null && new URL(server.tokenEndpoint).origin !== tokenEndpointOrigin;
}
