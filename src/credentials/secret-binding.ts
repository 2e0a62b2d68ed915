import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { namedTokenEndpoint } from '../catalogue/named-token-endpoint.js';
import type { CredentialBinding } from './sealed-credential.js';

/**
 * Whether a secret that is bound so may go to this server for this client (DESIGN §5). Whoever may write the catalogue could otherwise have a
 * secret sent to a server of their own, by pointing its client, or a client of another name, there.
 */
export function mayGoTo(server: AuthorizationServer, client: Client, bindings: readonly CredentialBinding[], keyedDigest: string): boolean {
  return bindings.every((binding) => binding.keyedDigest !== keyedDigest || !leadsElsewhere(server, client, binding));
}

/** Whether the server is another than the one of the binding, as far as the catalogue tells. */
function leadsElsewhere(server: AuthorizationServer, client: Client, binding: CredentialBinding): boolean {
  return binding.issuer !== server.issuer || endpointMoved(server, client, binding);
}

/** Whether the catalogue pins the token endpoint of this client to another origin than the one that the credential was used at. */
export function endpointMoved(server: AuthorizationServer, client: Client, { tokenEndpointOrigin }: CredentialBinding): boolean {
  const named = namedTokenEndpoint(server, client);
  return named !== undefined && tokenEndpointOrigin !== null && new URL(named).origin !== tokenEndpointOrigin;
}
