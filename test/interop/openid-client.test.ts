import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { z } from 'zod';
import { billing, crm, ledger, startWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

async function configure(id: string, authentication: client.ClientAuth): Promise<client.Configuration> {
  const issuer = new URL(world.corridor.issuer);
  return client.discovery(issuer, id, undefined, authentication, { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
}

async function refusal(request: Promise<unknown>): Promise<{ status: number; body: unknown }> {
  const error: unknown = await request.catch((thrown: unknown) => thrown);
  if (!(error instanceof client.ResponseBodyError)) throw new Error('a refusal was expected', { cause: error });
  return { status: error.status, body: error.cause };
}

describe('openid-client, unmodified', () => {
  it('finds Corridor by its issuer alone (B85)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    expect(configuration.serverMetadata()).toMatchObject({
      issuer: world.corridor.issuer,
      token_endpoint: `${world.corridor.issuer}/token`,
      grant_types_supported: ['client_credentials'],
    });
  });

  it('gets a token by client_secret_basic that the API takes, and an entry for it (B58)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    const tokens = await client.clientCredentialsGrant(configuration, { scope: 'crm:read', resource: crm });
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'crm:read', expires_in: expect.any(Number) });
    expect(decodeJwt(tokens.access_token)).toMatchObject({ iss: world.authorizationServer.issuer, aud: crm, scope: 'crm:read' });
    expect(await world.callApi(tokens.access_token)).toBe(200);
    expect(await world.entry(tokens['attribution'])).toMatchObject({ type: 'token.released', run: id });
  });

  it('gets one by client_secret_post, which is its default (B18)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretPost(secret));
    const { access_token: token } = await client.clientCredentialsGrant(configuration, { resource: crm });
    expect(await world.callApi(token)).toBe(200);
  });

  it.each(['ES256', 'EdDSA', 'PS256', 'RS256'] as const)('gets one by private_key_jwt with %s', async (algorithm) => {
    const { id, privateKey } = await world.startRunWithKey(algorithm);
    const configuration = await configure(id, client.PrivateKeyJwt(privateKey));
    const { access_token: token } = await client.clientCredentialsGrant(configuration, { scope: 'crm:read', resource: crm });
    expect(await world.callApi(token)).toBe(200);
  });

  it('gets the same token again within a run, and another one in another run', async () => {
    const ask = async (configuration: client.Configuration) =>
      client.clientCredentialsGrant(configuration, { scope: 'crm:read', resource: crm });
    const [one, other] = [await world.startRun(), await world.startRun()];
    const configuration = await configure(one.id, client.ClientSecretBasic(one.secret));
    const first = await ask(configuration);
    const again = await ask(configuration);
    const elsewhere = await ask(await configure(other.id, client.ClientSecretBasic(other.secret)));
    expect(again.access_token).toBe(first.access_token);
    expect(again['attribution']).not.toBe(first['attribution']);
    expect(elsewhere.access_token).not.toBe(first.access_token);
  });

  it('understands that the policy denies, and why (B62)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    expect(await refusal(client.clientCredentialsGrant(configuration, { scope: 'crm:write', resource: crm }))).toEqual({
      status: 400,
      body: {
        error: 'access_denied',
        error_description: expect.any(String),
        decision: expect.stringMatching(/^dec/),
        reasons: [{ code: 'scope_not_granted', scope: 'crm:write' }],
        attribution: expect.stringMatching(/^ent/),
      },
    });
  });

  it('understands that a resource or a scope is refused (B47, B50)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    const ask = (scope: string, resource: string) => refusal(client.clientCredentialsGrant(configuration, { scope, resource }));
    expect(await ask('billing:read', billing)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(await ask('crm:read', 'https://unknown.example/api')).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(await ask('crm:erase', crm)).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('understands that the run has ended (B41)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    await world.endRun(id);
    expect(await refusal(client.clientCredentialsGrant(configuration, { resource: crm }))).toMatchObject({
      status: 400,
      body: { error: 'unauthorized_client' },
    });
  });

  it('revokes a token, and asks about it before and after (B91, B95)', async () => {
    const { id, secret } = await world.startRun();
    const configuration = await configure(id, client.ClientSecretBasic(secret));
    const { access_token: token } = await client.clientCredentialsGrant(configuration, { resource: ledger });
    expect(await client.tokenIntrospection(configuration, token)).toMatchObject({ active: true, aud: ledger, scope: 'ledger:read' });
    await client.tokenRevocation(configuration, token, { token_type_hint: 'access_token' });
    expect(await client.tokenIntrospection(configuration, token)).toEqual({ active: false });
    await client.tokenRevocation(configuration, token);
  });

  it('does both with a key (B42)', async () => {
    const { id, privateKey } = await world.startRunWithKey('ES256');
    const configuration = await configure(id, client.PrivateKeyJwt(privateKey));
    const { access_token: token } = await client.clientCredentialsGrant(configuration, { resource: ledger });
    expect(await client.tokenIntrospection(configuration, token)).toMatchObject({ active: true });
    await client.tokenRevocation(configuration, token);
    expect(await client.tokenIntrospection(configuration, token)).toEqual({ active: false });
  });

  it('asks about the tokens of its resource as a resource server, and understands that a JWT cannot be revoked (B94, B97)', async () => {
    const { id, secret } = await world.startRun();
    const agent = await configure(id, client.ClientSecretPost(secret));
    const { access_token: token } = await client.clientCredentialsGrant(agent, { resource: crm });
    const created = await world.corridor.api('POST', '/v1/keys', { name: 'crm', roles: ['resource-server'], resource: 'crm' });
    const key = z.object({ id: z.string(), key: z.string() }).parse(created.body);
    for (const authentication of [client.ClientSecretBasic(key.key), client.ClientSecretPost(key.key)]) {
      const server = await configure(key.id, authentication);
      expect(await client.tokenIntrospection(server, token)).toMatchObject({ active: true, aud: crm, run: id });
    }
    expect(await refusal(client.tokenRevocation(agent, token))).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
  });

  it('is challenged for Basic when the secret is wrong (B19), and told so in the body when it was sent there', async () => {
    const { id } = await world.startRun();
    const byHeader = client.clientCredentialsGrant(await configure(id, client.ClientSecretBasic('wrong')), { resource: crm });
    const challenged: unknown = await byHeader.catch((thrown: unknown) => thrown);
    if (!(challenged instanceof client.WWWAuthenticateChallengeError)) throw new Error('a challenge was expected', { cause: challenged });
    expect({ status: challenged.status, scheme: challenged.cause[0]?.scheme }).toEqual({ status: 401, scheme: 'basic' });
    const byBody = client.clientCredentialsGrant(await configure(id, client.ClientSecretPost('wrong')), { resource: crm });
    expect(await refusal(byBody)).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
  });
});
