import { describe, expect, it } from '@jest/globals';
import { startKeycloak, type RunningKeycloak } from '../rig/keycloak.js';
import { keycloakInstallation, keycloakVersion } from '../rig/keycloak-installation.js';
import { contract } from './contract.js';
import { crm, ledger, resourceServerSecret, tokenLife, type Registration, type RunningServer } from './server-under-test.js';

const name = `Keycloak ${keycloakVersion}`;
const say = (line: string): void => void process.stderr.write(`[real servers] ${line}\n`);
const installation = await keycloakInstallation(say);

if ('missing' in installation) {
  say(`${name} is skipped: ${installation.missing}`);
  describe.skip(`${name} is skipped: ${installation.missing}`, () => it('runs the contract', () => expect(true).toBe(true)));
} else {
  const { home } = installation;
  contract({
    name,
    profile: 'standard',
    notOffered: {},
    revokesJwts: true,
    unknownScope: 'request refused',
    start: (registrations) => start(home, registrations),
  });
}

async function start(home: string, registrations: readonly Registration[]): Promise<RunningServer> {
  const keycloak = await startKeycloak(home, say);
  await setUp(keycloak, registrations);
  return {
    issuer: keycloak.issuer,
    introspect: (token, resource) => keycloak.introspect(token, resource, resourceServerSecret(resource)),
    kill: () => keycloak.kill(),
    startAgain: async () => keycloak.startAgain(),
    stop: () => keycloak.stop(),
  };
}

/** Each scope is a client scope that puts its resource into `aud`; each client has them as optional ones, so that they must be asked for. */
async function setUp(keycloak: RunningKeycloak, registrations: readonly Registration[]): Promise<void> {
  const scopes = { 'crm:read': crm, 'crm:write': crm, 'crm:erase': crm, 'ledger:read': ledger };
  await keycloak.admin('PUT', '', { accessTokenLifespan: tokenLife });
  for (const [scope, resource] of Object.entries(scopes)) await keycloak.admin('POST', '/client-scopes', clientScope(scope, resource));
  for (const registration of registrations) await keycloak.admin('POST', '/clients', clientOf(registration, Object.keys(scopes)));
  for (const resource of [crm, ledger]) await keycloak.admin('POST', '/clients', resourceServer(resource));
}

function clientScope(scope: string, resource: string) {
  const config = { 'included.custom.audience': resource, 'access.token.claim': 'true', 'introspection.token.claim': 'true' };
  return {
    name: scope,
    protocol: 'openid-connect',
    attributes: { 'include.in.token.scope': 'true' },
    protocolMappers: [{ name: 'audience', protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper', config }],
  };
}

function clientOf({ id, method, algorithm, secret, jwksUri }: Registration, scopes: readonly string[]) {
  const byKey = {
    clientAuthenticatorType: 'client-jwt',
    attributes: { 'use.jwks.url': 'true', 'jwks.url': jwksUri, 'token.endpoint.auth.signing.alg': algorithm ?? 'ES256' },
  };
  return {
    clientId: id,
    ...(method === 'private_key_jwt' ? byKey : { clientAuthenticatorType: 'client-secret', secret }),
    publicClient: false,
    serviceAccountsEnabled: true,
    standardFlowEnabled: false,
    directAccessGrantsEnabled: false,
    // else its tokens carry each role of its service account, and `account` as a further audience
    fullScopeAllowed: false,
    defaultClientScopes: ['basic'],
    optionalClientScopes: scopes,
  };
}

function resourceServer(resource: string) {
  const secret = resourceServerSecret(resource);
  return { clientId: resource, clientAuthenticatorType: 'client-secret', secret, publicClient: false, standardFlowEnabled: false };
}
