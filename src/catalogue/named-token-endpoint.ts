import type { AuthorizationServer, Client } from './catalogue.js';
import { isCertificateMethod } from './client-methods.js';

/** The token endpoint that the catalogue itself names for this client; undefined where the server's metadata says it. */
export function namedTokenEndpoint(server: AuthorizationServer, { method }: Client): string | undefined {
  return (isCertificateMethod(method) ? server.mtlsTokenEndpoint : undefined) ?? server.tokenEndpoint;
}
