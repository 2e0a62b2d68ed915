import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from './authorization-server.js';

const crm = 'https://crm.example/api';
const ledger = 'https://ledger.example/api';
let server: RunningAuthorizationServer;
let key: CryptoKey;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  key = pair.privateKey;
  server = await startAuthorizationServer({
    clients: [
      {
        client_id: 'by-key',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] },
      },
      { client_id: 'by-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: 'not so secret' },
    ],
    resources: { [crm]: { scopes: ['crm:read', 'crm:write'] }, [ledger]: { scopes: ['ledger:read'], ttl: 60, format: 'opaque' } },
  });
});
afterAll(() => server.stop());

async function assertion(jti: string, typ = 'client-authentication+jwt'): Promise<string> {
  return new SignJWT({ jti })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', typ })
    .setIssuer('by-key')
    .setSubject('by-key')
    .setAudience(server.issuer)
    .setIssuedAt()
    .setExpirationTime('60 s')
    .sign(key);
}

async function ask(
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...form });
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', headers, body });
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(await response.json()) };
}

const byAssertion = async (jti: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await assertion(jti),
});
const basic = { authorization: `Basic ${Buffer.from('by-secret:not+so+secret').toString('base64')}` };

describe('the authorization server of the tests', () => {
  it('issues a JWT for one resource to a client that asserts its key, and lists it', async () => {
    const { status, body } = await ask({ ...(await byAssertion('first')), resource: crm, scope: 'crm:read' });
    expect({ status, body }).toEqual({
      status: 200,
      body: { access_token: expect.any(String), token_type: 'Bearer', expires_in: 3600, scope: 'crm:read' },
    });
    const claims = decodeJwt(String(body.access_token));
    expect(claims).toMatchObject({ iss: server.issuer, aud: crm, client_id: 'by-key', scope: 'crm:read' });
    expect((await server.issued()).find((token) => token.assertion_jti === 'first')).toEqual({
      client_id: 'by-key',
      jti: claims.jti,
      sha256: createHash('sha256').update(String(body.access_token)).digest('hex'),
      assertion_jti: 'first',
      scope: 'crm:read',
      resource: crm,
      issued_at: expect.any(Number),
      expires_at: expect.any(Number),
      revoked_at: null,
    });
  });

  it('takes an assertion once', async () => {
    const once = await byAssertion('replayed');
    expect((await ask({ ...once, resource: crm, scope: 'crm:read' })).status).toBe(200);
    expect(await ask({ ...once, resource: crm, scope: 'crm:read' })).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('drops a scope that it does not know in silence, and refuses a resource that it does not know', async () => {
    expect(await ask({ resource: crm, scope: 'crm:read crm:everything' }, basic)).toMatchObject({
      status: 200,
      body: { scope: 'crm:read' },
    });
    expect(await ask({ resource: 'https://other.example/api' }, basic)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
  });

  it('introspects and revokes an opaque token, and lists it as revoked', async () => {
    const { body } = await ask({ resource: ledger, scope: 'ledger:read' }, basic);
    const token = String(body.access_token);
    const post = (route: string) =>
      fetch(`${server.issuer}/token/${route}`, { method: 'POST', headers: basic, body: new URLSearchParams({ token }) });
    expect(await (await post('introspection')).json()).toMatchObject({ active: true, aud: ledger, scope: 'ledger:read' });
    expect((await post('revocation')).status).toBe(200);
    expect(await (await post('introspection')).json()).toEqual({ active: false });
    const sha256 = createHash('sha256').update(token).digest('hex');
    expect((await server.issued()).find((listed) => listed.sha256 === sha256)).toMatchObject({ jti: null, revoked_at: expect.any(Number) });
  });

  it('lists what it issued before its answer arrives', async () => {
    await server.delay({ after: 1_500 });
    const answer = ask({ ...(await byAssertion('slow')), resource: crm, scope: 'crm:read' });
    let listed = false;
    while (!listed) listed = (await server.issued()).some((token) => token.assertion_jti === 'slow');
    expect(await Promise.race([answer.then(() => 'answered'), Promise.resolve('waiting')])).toBe('waiting');
    expect((await answer).status).toBe(200);
    await server.delay({ after: 0 });
  });

  it('counts what it was asked', async () => {
    const before = (await server.requests())['POST /token'] ?? 0;
    await ask({ resource: crm }, basic);
    expect((await server.requests())['POST /token']).toBe(before + 1);
  });
});
