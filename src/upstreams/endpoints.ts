import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { isCertificateMethod } from '../catalogue/client-methods.js';
import { isUsableEndpoint, type ServerMetadata } from './metadata.js';
import { UpstreamFailed } from './upstream-failed.js';

/** Whose requests go where. */
interface Sender {
  readonly server: AuthorizationServer;
  readonly client: Client;
}

export interface Endpoints {
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string | null;
  readonly introspectionEndpoint: string | null;
}

/**
 * The endpoints of a server for this client: one that shows a certificate goes, endpoint by endpoint, to the alias where there is one
 * (RFC 8705 §5, CONFORMANCE A28). What the catalogue names stands above both. An alias that we may not use is no reason to go to the
 * other endpoint, which knows no certificates.
 * @throws UpstreamFailed `metadata_invalid`
 */
export function endpointsFor({ server, client }: Sender, metadata: ServerMetadata): Endpoints {
  const { tokenEndpoint, revocationEndpoint, introspectionEndpoint, mtlsAliases } = metadata;
  if (mtlsAliases === undefined || !isCertificateMethod(client.method)) return { tokenEndpoint, revocationEndpoint, introspectionEndpoint };
  return {
    tokenEndpoint: server.tokenEndpoint ?? usable(server, mtlsAliases.tokenEndpoint) ?? tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? usable(server, mtlsAliases.revocationEndpoint) ?? revocationEndpoint,
    introspectionEndpoint: usable(server, mtlsAliases.introspectionEndpoint) ?? introspectionEndpoint,
  };
}

function usable(server: AuthorizationServer, alias: string | null): string | null {
  if (alias !== null && !isUsableEndpoint(server, alias)) throw new UpstreamFailed('metadata_invalid');
  return alias;
}
