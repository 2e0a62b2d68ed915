import { describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { startKeycloak, type RunningKeycloak } from '../rig/keycloak.js';
import { keycloakInstallation, keycloakVersion } from '../rig/keycloak-installation.js';
import { trusting } from '../rig/trusting.js';
import { contract } from './contract.js';
import {
  crm,
  ledger,
  resourceServerSecret,
  tokenLife,
  type Party,
  type Registration,
  type RunningServer,
  type Tls,
} from './server-under-test.js';
import { prover, type World } from './world.js';

/** With all that is on by default: full scope, and the realm's default client scopes. */
const asTheConsoleMakesIt: Party = { id: 'as-the-console-makes-it', method: 'client_secret_basic' };
const withDefaultScopes: Party = { id: 'with-default-scopes', method: 'client_secret_basic' };
const lightweight: Party = { id: 'lightweight', method: 'client_secret_basic' };
/** The server expects RS256. */
const otherAlgorithm: Party = { id: 'other-algorithm', method: 'private_key_jwt', algorithm: 'ES256' };
/** The realm's own. */
const defaultClientScopes = ['web-origins', 'service_account', 'acr', 'roles', 'profile', 'basic', 'email'];
/** What differs from the clients of the contract. */
const differently: Readonly<Record<string, object>> = {
  [asTheConsoleMakesIt.id]: { fullScopeAllowed: true, defaultClientScopes },
  [withDefaultScopes.id]: { defaultClientScopes },
  [otherAlgorithm.id]: { attributes: { 'token.endpoint.auth.signing.alg': 'RS256' } },
  [prover.id]: { attributes: { 'dpop.bound.access.tokens': 'true' } },
  [lightweight.id]: { attributes: { 'client.use.lightweight.access.token.enabled': 'true' } },
};

const name = `Keycloak ${keycloakVersion}`;
const say = (line: string): void => void process.stderr.write(`[real servers] ${line}\n`);
const installation = await keycloakInstallation(say);

if ('missing' in installation) {
  say(`${name} is skipped: ${installation.missing}`);
  describe.skip(`${name} is skipped: ${installation.missing}`, () => it('runs the contract', () => expect(true).toBe(true)));
} else {
  const { home } = installation;
  contract(
    {
      name,
      profile: 'keycloak',
      notOffered: {
        'private_key_jwt-ed25519': 'it knows Ed25519 by the name EdDSA alone',
        self_signed_tls_client_auth: 'it wants an authority for each certificate',
      },
      revokesJwts: true,
      tellsAudience: 'by the token itself',
      unknownScope: 'request refused',
      wantsNonce: false,
      start: (registrations, tls) => start(home, registrations, tls),
    },
    { parties: [asTheConsoleMakesIt, withDefaultScopes, lightweight, otherAlgorithm], statements: ofKeycloak },
  );
}

function ofKeycloak(world: () => World): void {
  it('adds each role of the service account, with `account` as an audience, to a client as its console makes it: refused (A44)', async () => {
    const agent = await world().startAgent(asTheConsoleMakesIt);
    expect(await agent.refused('crm:read', crm)).toMatchObject({ status: 502 });
    expect(await agent.entries()).toContainEqual(
      expect.objectContaining({ type: 'token.refused', fault: 'audience_mismatch', audience: [crm, 'account'] }),
    );
  });

  it('adds the default scopes that nobody asked for: tolerated, and recorded (A56, Q25)', async () => {
    const agent = await world().startAgent(withDefaultScopes);
    await agent.ask('crm:read', crm);
    const [released] = (await agent.entries()).filter(({ type }) => type === 'token.released');
    expect(released?.scope?.granted?.toSorted()).toEqual(['crm:read', 'email', 'profile']);
  });

  it('leaves the audience out of a lightweight token, which is then recorded as unverified (A44)', async () => {
    const agent = await world().startAgent(lightweight);
    const { access_token: token } = await agent.ask('crm:read', crm);
    expect(decodeJwt(token).aud).toBeUndefined();
    expect(await world().server.introspect(token, crm)).toMatchObject({ active: true, aud: crm });
    expect(await agent.entries()).toContainEqual(expect.objectContaining({ type: 'token.released', audience: 'unverified' }));
  });

  it('refuses an assertion of a client whose algorithm is another, as ours to mend', async () => {
    const agent = await world().startAgent(otherAlgorithm);
    expect(await agent.refused('crm:read', crm)).toMatchObject({ status: 503 });
    expect(await agent.entries()).toContainEqual(expect.objectContaining({ type: 'token.failed', fault: 'client_refused' }));
  });
}

async function start(home: string, registrations: readonly Registration[], tls: Tls): Promise<RunningServer> {
  const keycloak = await startKeycloak(home, tls, say);
  await setUp(keycloak, registrations);
  return {
    issuer: keycloak.issuer,
    introspect: async (token, resource) =>
      z
        .record(z.string(), z.unknown())
        .parse(
          await trusting(tls.ca).post(
            `${keycloak.issuer}/protocol/openid-connect/token/introspect`,
            [resource, resourceServerSecret(resource)],
            { token },
          ),
        ),
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

function clientOf(registration: Registration, scopes: readonly string[]) {
  return {
    clientId: registration.id,
    ...authenticatorOf(registration),
    publicClient: false,
    serviceAccountsEnabled: true,
    standardFlowEnabled: false,
    directAccessGrantsEnabled: false,
    // else its tokens carry each role of its service account, and `account` as a further audience
    fullScopeAllowed: false,
    defaultClientScopes: ['basic'],
    optionalClientScopes: scopes,
    ...differently[registration.id],
  };
}

function authenticatorOf({ method, algorithm, secret, jwksUri, host }: Registration) {
  switch (method) {
    case 'private_key_jwt': {
      const attributes = { 'use.jwks.url': 'true', 'jwks.url': jwksUri, 'token.endpoint.auth.signing.alg': algorithm ?? 'ES256' };
      return { clientAuthenticatorType: 'client-jwt', attributes };
    }
    case 'client_secret_jwt':
      return { clientAuthenticatorType: 'client-secret-jwt', secret, attributes: { 'token.endpoint.auth.signing.alg': 'HS256' } };
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth': {
      const attributes = { 'x509.subjectdn': `CN=${host}`, 'x509.allow.regex.pattern.comparison': 'false' };
      return { clientAuthenticatorType: 'client-x509', attributes };
    }
    default:
      return { clientAuthenticatorType: 'client-secret', secret };
  }
}

function resourceServer(resource: string) {
  const secret = resourceServerSecret(resource);
  return { clientId: resource, clientAuthenticatorType: 'client-secret', secret, publicClient: false, standardFlowEnabled: false };
}
