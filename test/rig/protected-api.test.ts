import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from './authorization-server.js';
import { startProtectedApi, type RunningApi } from './protected-api.js';

const crm = 'https://crm.example/api';
const other = 'https://other.example/api';
let server: RunningAuthorizationServer;
let api: RunningApi;

beforeAll(async () => {
  server = await startAuthorizationServer({
    clients: [{ client_id: 'reader', token_endpoint_auth_method: 'client_secret_post', client_secret: 'not so secret' }],
    resources: { [crm]: { scopes: ['crm:read', 'crm:write'], ttl: 3 }, [other]: { scopes: ['crm:read'] } },
  });
  api = await startProtectedApi({ issuer: server.issuer, audience: crm, scope: 'crm:read' });
});
afterAll(async () => {
  await api.stop();
  await server.stop();
});

async function token(resource: string, scope: string): Promise<string> {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: 'reader',
    client_secret: 'not so secret',
    resource,
    scope,
  });
  const response = await fetch(`${server.issuer}/token`, { method: 'POST', body });
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}

async function call(authorization?: string): Promise<{ status: number; challenge: string | null }> {
  const response = await fetch(`${api.url}/customers`, { headers: authorization === undefined ? {} : { authorization } });
  return { status: response.status, challenge: response.headers.get('www-authenticate') };
}

describe('the protected API of the tests and the demo', () => {
  it('answers a token for it that holds the scope, until it expires', async () => {
    const bearer = `Bearer ${await token(crm, 'crm:read')}`;
    expect(await call(bearer)).toEqual({ status: 200, challenge: null });
    await new Promise((resolve) => setTimeout(resolve, 3_100));
    expect(await call(bearer)).toEqual({ status: 401, challenge: 'Bearer scope="crm:read", error="invalid_token"' });
  });

  it('challenges a request without a token, and names no error', async () => {
    expect(await call()).toEqual({ status: 401, challenge: 'Bearer scope="crm:read"' });
  });

  it('refuses a token for another audience, one that was changed, and a text that is none', async () => {
    const refused = { status: 401, challenge: 'Bearer scope="crm:read", error="invalid_token"' };
    expect(await call(`Bearer ${await token(other, 'crm:read')}`)).toEqual(refused);
    const good = await token(crm, 'crm:read');
    const [header, , signature] = good.split('.');
    const [, claims] = (await token(other, 'crm:read')).split('.');
    expect(await call(`Bearer ${header}.${claims}.${signature}`)).toEqual(refused);
    expect(await call('Bearer nothing')).toEqual(refused);
  });

  it('refuses a token that lacks the scope', async () => {
    expect(await call(`Bearer ${await token(crm, 'crm:write')}`)).toEqual({
      status: 403,
      challenge: 'Bearer scope="crm:read", error="insufficient_scope"',
    });
  });
});
