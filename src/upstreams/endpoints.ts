import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { isCertificateMethod } from '../catalogue/client-methods.js';
import { namedTokenEndpoint } from '../catalogue/named-token-endpoint.js';
import { isUsableAlias, type ServerMetadata } from './metadata.js';
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
 * other endpoint, which knows no certificates; introspection is done without, as where the endpoint itself may not be used.
 * @throws UpstreamFailed `metadata_invalid`
 */
export function endpointsFor({ server, client }: Sender, metadata: ServerMetadata): Endpoints {
  const { tokenEndpoint, revocationEndpoint, introspectionEndpoint, mtlsAliases } = metadata;
  if (!isCertificateMethod(client.method)) return { tokenEndpoint, revocationEndpoint, introspectionEndpoint };
  const introspection = mtlsAliases?.introspectionEndpoint ?? null;
  return {
    tokenEndpoint: namedTokenEndpoint(server, client) ?? usable(server, mtlsAliases?.tokenEndpoint) ?? tokenEndpoint,
    revocationEndpoint: server.revocationEndpoint ?? usable(server, mtlsAliases?.revocationEndpoint) ?? revocationEndpoint,
    introspectionEndpoint: introspection === null ? introspectionEndpoint : isUsableAlias(server, introspection) ? introspection : null,
  };
}

function usable(server: AuthorizationServer, alias: string | null = null): string | null {
  if (alias !== null && !isUsableAlias(server, alias)) throw new UpstreamFailed('metadata_invalid');
  return alias;
}
