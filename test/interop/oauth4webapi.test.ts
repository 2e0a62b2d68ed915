import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import { crm, ledger, startWorld, type World } from './world.js';

let world: World;
let server: oauth.AuthorizationServer;
beforeAll(async () => {
  world = await startWorld();
  const issuer = new URL(world.corridor.issuer);
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', [oauth.allowInsecureRequests]: true });
  server = await oauth.processDiscoveryResponse(issuer, response);
}, 60_000);
afterAll(() => world.stop());

async function ask(id: string, authentication: oauth.ClientAuth, parameters: Record<string, string>): Promise<oauth.TokenEndpointResponse> {
  const agent: oauth.Client = { client_id: id };
  const options = { [oauth.allowInsecureRequests]: true };
  const response = await oauth.clientCredentialsGrantRequest(server, agent, authentication, parameters, options);
  return oauth.processClientCredentialsResponse(server, agent, response);
}

describe('oauth4webapi, unmodified', () => {
  it('gets a token by client_secret_basic, whatever it encodes in id and secret (B16)', async () => {
    const { id, secret } = await world.startRun();
    const tokens = await ask(id, oauth.ClientSecretBasic(secret), { scope: 'crm:read', resource: crm });
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'crm:read' });
    expect(await world.callApi(tokens.access_token)).toBe(200);
  });

  it('gets one by client_secret_post (B18)', async () => {
    const { id, secret } = await world.startRun();
    const { access_token: token } = await ask(id, oauth.ClientSecretPost(secret), { resource: crm });
    expect(await world.callApi(token)).toBe(200);
  });

  it.each(['ES256', 'EdDSA', 'PS256', 'RS256'] as const)('gets one by private_key_jwt with %s and no typ (B37)', async (algorithm) => {
    const { id, privateKey } = await world.startRunWithKey(algorithm);
    const { access_token: token } = await ask(id, oauth.PrivateKeyJwt(privateKey), { scope: 'crm:read', resource: crm });
    expect(await world.callApi(token)).toBe(200);
  });

  it('gets another assertion for each request, so that none is a replay (B33)', async () => {
    const { id, privateKey } = await world.startRunWithKey('ES256');
    const authentication = oauth.PrivateKeyJwt(privateKey);
    const [first, again] = [await ask(id, authentication, { resource: crm }), await ask(id, authentication, { resource: crm })];
    expect(again.access_token).toBe(first.access_token);
  });

  it('reads the body of a refused assertion, since no challenge stands before it (D3)', async () => {
    const { privateKey: foreign } = await world.startRunWithKey('ES256');
    const { id } = await world.startRunWithKey('ES256');
    const refused: unknown = await ask(id, oauth.PrivateKeyJwt(foreign), { resource: crm }).catch((thrown: unknown) => thrown);
    if (!(refused instanceof oauth.ResponseBodyError)) throw new Error('a refusal was expected', { cause: refused });
    expect({ status: refused.status, error: refused.error }).toEqual({ status: 400, error: 'invalid_client' });
  });

  it('reads the reasons of a denial (B62)', async () => {
    const { id, secret } = await world.startRun();
    const denied: unknown = await ask(id, oauth.ClientSecretBasic(secret), { scope: 'crm:write', resource: crm }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(denied instanceof oauth.ResponseBodyError)) throw new Error('a denial was expected', { cause: denied });
    expect(denied.cause).toMatchObject({ error: 'access_denied', reasons: [{ code: 'scope_not_granted', scope: 'crm:write' }] });
  });

  it('revokes a token, and asks about it before and after (B91, B95)', async () => {
    const { id, secret } = await world.startRun();
    const [agent, options] = [{ client_id: id }, { [oauth.allowInsecureRequests]: true }];
    const authentication = oauth.ClientSecretBasic(secret);
    const { access_token: token } = await ask(id, authentication, { resource: ledger });
    const about = async () =>
      oauth.processIntrospectionResponse(server, agent, await oauth.introspectionRequest(server, agent, authentication, token, options));
    expect(await about()).toMatchObject({ active: true, aud: ledger, token_type: 'Bearer' });
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, agent, authentication, token, options));
    expect(await about()).toEqual({ active: false });
  });
});
