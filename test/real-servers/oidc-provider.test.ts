import { createRequire } from 'node:module';
import { z } from 'zod';
import { startAuthorizationServer, type RegisteredClient } from '../rig/authorization-server.js';
import { freePort } from '../rig/corridor.js';
import { contract } from './contract.js';
import { trusting } from '../rig/trusting.js';
import { crm, ledger, resourceServerSecret, tokenLife, type Registration, type RunningServer, type Tls } from './server-under-test.js';
import { prover } from './world.js';

const { version } = z.object({ version: z.string() }).parse(createRequire(import.meta.url)('oidc-provider/package.json'));

const resources = {
  [crm]: { scopes: ['crm:read', 'crm:write', 'crm:erase'], ttl: tokenLife },
  [ledger]: { scopes: ['ledger:read'], ttl: tokenLife, format: 'opaque' },
} as const;

contract({
  name: `oidc-provider ${version}`,
  profile: 'standard',
  notOffered: {},
  revokesJwts: false,
  tellsAudience: 'by introspection',
  unknownScope: 'left out',
  wantsNonce: true,
  start,
});

async function start(registrations: readonly Registration[], tls: Tls): Promise<RunningServer> {
  const options = {
    port: await freePort(),
    tls: { ...tls, host: 'localhost', clientAuthority: tls.ca },
    resources,
    clients: [...registrations.map(clientOf), ...[crm, ledger].map(resourceServer)],
  };
  let running = await startAuthorizationServer(options);
  const { issuer } = running;
  return {
    issuer,
    introspect: async (token, resource) =>
      z
        .record(z.string(), z.unknown())
        .parse(await trusting(tls.ca).post(`${issuer}/token/introspection`, [resource, resourceServerSecret(resource)], { token })),
    kill: () => running.stop(),
    startAgain: async () => void (running = await startAuthorizationServer(options)),
    stop: () => running.stop(),
  };
}

function clientOf({ id, method, algorithm, secret, jwksUri, host }: Registration): RegisteredClient {
  const common = { client_id: id, token_endpoint_auth_method: method };
  switch (method) {
    case 'private_key_jwt':
      return { ...common, jwks_uri: jwksUri, token_endpoint_auth_signing_alg: algorithm ?? 'ES256' };
    case 'tls_client_auth':
      return { ...common, tls_client_auth_san_dns: host };
    case 'self_signed_tls_client_auth':
      return { ...common, jwks_uri: jwksUri };
    default:
      return { ...common, client_secret: secret, dpop_bound_access_tokens: id === prover.id };
  }
}

function resourceServer(resource: string): RegisteredClient {
  return { client_id: resource, token_endpoint_auth_method: 'client_secret_basic', client_secret: resourceServerSecret(resource) };
}
