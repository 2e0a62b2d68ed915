import { profiles } from '../../src/catalogue/profile.js';
import { formEncode } from '../../src/upstreams/form-encoding.js';
import { json, type SeenRequest } from '../rig/hostile-authorization-server.js';
import { jwt } from '../upstreams/answers.js';
import { closeOpened } from '../upstreams/exchanges.js';
import { converse } from '../upstreams/profiles/conversation.js';
import { insisting, refuse, type Asked } from '../upstreams/profiles/vendor.js';
import { inShort, tokenOf } from '../upstreams/reading.js';
import { NOW } from '../upstreams/wish.js';
import { quirk } from './quirk.js';
import { issued, readRequests, serverThat, standardBut, vendorOf } from './server.js';

afterEach(closeOpened);

const byKey = { method: 'private_key_jwt' } as const;
const basicOf = (request: SeenRequest | undefined): string =>
  Buffer.from(request?.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString('utf8');
const decoded = (text: string): string => new URLSearchParams(`x=${text}`).get('x') ?? '';
/** A server that takes assertions whose audience passes. */
const forAudience = (right: (audience: unknown, asked: Asked) => boolean) =>
  serverThat((asked) => insisting([[!right(asked.assertion?.claims.aud, asked), refuse('invalid_client', 401)]], json(issued)), byKey);

quirk('Q1', async () => {
  const secret = { clientId: 'a:b', secret: 'p%41+q:r/ä' };
  const decoding = await serverThat(() => json(issued), {}, secret);
  await decoding.obtain();
  const [id = '', text = ''] = basicOf(decoding.requests[0]).split(':');
  expect([decoded(id), decoded(text)]).toEqual([secret.clientId, secret.secret]);
  const raw = await serverThat(() => json(issued), {}, { ...secret, clientId: 'ab', profile: standardBut({ basicEncoding: 'raw' }) });
  await raw.obtain();
  expect(basicOf(raw.requests[0])).toBe(`ab:${secret.secret}`);
});

quirk('Q2', async () => {
  const uuid = '0b9f2f0e-6c0d-4a43-9c1e-3f1f3c9be7a4';
  const talk = await serverThat(() => json(issued), {}, { clientId: uuid, secret: "it's (a) *secret*!" });
  await talk.obtain();
  expect(basicOf(talk.requests[0])).toBe(`${uuid}:it%27s+%28a%29+*secret*%21`);
  expect(formEncode('a-b_c.d~e')).toBe('a-b_c.d%7Ee');
});

quirk('Q3', async () => {
  const talk = await serverThat(() => refuse('invalid_client', 401));
  expect(inShort(await talk.obtain())).toBe('failed client_refused');
  expect(talk.requests).toHaveLength(1);
});

quirk('Q4', async () => {
  const strict = (asked: Asked) => insisting([[asked.client === null, refuse('invalid_request')]], json(issued));
  for (const method of ['client_secret_basic', 'private_key_jwt'] as const) {
    const talk = await serverThat(strict, { method });
    expect(inShort(await talk.obtain())).toBe('token');
    expect(talk.requests[0]?.headers.authorization === undefined).toBe(method === 'private_key_jwt');
    expect(talk.requests[0]?.body).not.toContain('client_secret=');
  }
});

quirk('Q5', async () => {
  const talk = await converse(vendorOf('auth0'));
  expect(tokenOf(await talk.obtain()).audience).toEqual(['https://crm.example/api']);
  expect(new URLSearchParams(talk.requests[0]?.body).get('audience')).toBe('https://crm.example/api');
  const without = await converse(vendorOf('auth0'), { profile: standardBut({}), verifyAudience: true });
  expect(inShort(await without.obtain())).toBe('refused audience_unverified gh-opaque');
});

quirk('Q6', async () => {
  const talk = await forAudience((audience, { issuer }) => audience === issuer);
  expect(inShort(await talk.obtain())).toBe('token');
});

quirk('Q7', async () => {
  const talk = await converse(vendorOf('entra'));
  expect(tokenOf(await talk.obtain()).granted.tokens).toEqual(['Crm.Read.All', 'Crm.Write.All']);
  const [asked] = readRequests(talk.requests, talk.origin);
  expect(asked?.scopes).toEqual(['api://crm/.default']);
  expect(asked?.assertion?.claims.aud).toBe(`${talk.origin}/9188040d/oauth2/v2.0/token`);
  expect(Object.keys(asked?.assertion?.header ?? {})).toContain('x5t#S256');
});

quirk('Q8', async () => {
  const entra = await converse(vendorOf('entra'));
  await entra.obtain();
  expect(entra.requests[0]?.body).not.toContain('resource=');
  const other = await serverThat(() => refuse('invalid_target', 400, 'AADSTS901002'));
  expect(inShort(await other.obtain())).toBe('failed target_rejected');
  expect(other.requests).toHaveLength(1);
  expect(other.requests[0]?.body).toContain('resource=');
});

quirk('Q11', async () => {
  const talk = await converse(vendorOf('ping'));
  expect(inShort(await talk.obtain())).toBe('token');
  const [asked] = readRequests(talk.requests, talk.origin);
  expect(asked?.assertion?.header.alg).toBe('ES256');
  expect((asked?.assertion?.claims.exp ?? Infinity) - NOW / 1000).toBeLessThanOrEqual(60);
});

quirk('Q12', async () => {
  const talk = await converse(vendorOf('keycloak'));
  expect(inShort(await talk.obtain())).toBe('token');
  expect(readRequests(talk.requests, talk.origin)[0]?.assertion?.claims.aud).toBe(`${talk.origin}/realms/demo`);
});

quirk('Q13', async () => {
  const talk = await forAudience((audience, { issuer }) => typeof audience === 'string' && audience === issuer);
  expect(inShort(await talk.obtain())).toBe('token');
});

quirk('Q14', async () => {
  const talk = await serverThat(({ form }) =>
    insisting([[form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer', refuse('unsupported_grant_type')]], json(issued)),
  );
  expect(inShort(await talk.obtain())).toBe('failed request_rejected');
  expect(talk.requests).toHaveLength(1);
});

quirk('Q16', async () => {
  for (const needs of [true, false]) {
    const talk = await serverThat(
      ({ form, client }) => insisting([[form.get('client_id') !== (needs ? client : null), refuse('invalid_request')]], json(issued)),
      byKey,
      { profile: standardBut({ clientIdWithAssertion: needs }) },
    );
    expect(inShort(await talk.obtain())).toBe('token');
  }
});

quirk('Q17', async () => {
  const named = { uri: 'https://crm.example/api', audience: 'c1a4-crm', scopes: ['read'] };
  const byName = await serverThat(({ form }) => json({ ...issued, access_token: jwt({ aud: form.get('resource') }) }), { resource: named });
  expect(tokenOf(await byName.obtain()).audience).toEqual(['c1a4-crm']);
  byName.answer(json({ ...issued, access_token: jwt({ aud: 'https://crm.example/api' }) }));
  expect(inShort(await byName.obtain())).toBe('token');
  byName.answer(json({ ...issued, access_token: jwt({ aud: 'c1a4-billing' }) }));
  expect(inShort(await byName.obtain())).toMatch(/^refused audience_mismatch/);

  const profile = profiles['cognito'] ?? standardBut({});
  const prefixed = await serverThat(({ scopes }) => json({ ...issued, scope: scopes.join(' ') }), { resource: named }, { profile });
  expect(tokenOf(await prefixed.obtain()).granted.tokens).toEqual(['read']);
  expect(readRequests(prefixed.requests, prefixed.origin)[0]?.scopes).toEqual(['c1a4-crm/read']);
});

quirk('Q18', async () => {
  const talk = await forAudience((audience, { issuer }) => audience === issuer);
  expect(inShort(await talk.obtain())).toBe('token');
  const [asked] = readRequests(talk.requests, talk.origin);
  expect(asked?.form.get('grant_type')).toBe('client_credentials');
  expect(asked?.form.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  expect(asked?.form.has('assertion')).toBe(false);
});

quirk('Q21', async () => {
  const resource = { uri: 'https://CRM.example', scopes: ['crm:read'] };
  const talk = await serverThat(() => json(issued), { resource });
  for (const aud of ['https://CRM.example', 'https://CRM.example/']) {
    talk.answer(json({ ...issued, access_token: jwt({ aud }) }));
    expect(tokenOf(await talk.obtain()).audience).toEqual([aud]);
  }
  talk.answer(json({ ...issued, access_token: jwt({ aud: 'https://CRM.example/api' }) }));
  expect(inShort(await talk.obtain())).toMatch(/^refused audience_mismatch/);
  expect(new URLSearchParams(talk.requests[0]?.body).get('resource')).toBe('https://CRM.example');
});

quirk('Q38', async () => {
  const talk = await serverThat(() => json(issued));
  for (const [status, error] of [
    [400, 'invalid_grant'],
    [401, 'invalid_grant'],
    [400, 'unauthorized_client'],
    [400, 'invalid_client'],
    [401, 'invalid_client'],
  ] as const) {
    talk.answer(refuse(error, status));
    expect(inShort(await talk.obtain())).toBe('failed client_refused');
    talk.answer(json(issued));
    expect(inShort(await talk.obtain())).toBe('token');
  }
  expect(new Set(talk.requests.map(basicOf)).size).toBe(1);
});

quirk('Q39', async () => {
  // ten minutes ahead in its Date, seconds behind when it looks at assertions
  const behind = await serverThat(
    ({ assertion }) => insisting([[(assertion?.claims.iat ?? Infinity) > NOW / 1000 - 5, refuse('invalid_client', 401)]], json(issued)),
    byKey,
  );
  expect(inShort(await behind.obtain())).toBe('token');
  const date = new Date(NOW + 600_000).toUTCString();
  behind.answer(json({ ...issued, access_token: jwt({ exp: NOW / 1000 + 3659 }) }, 200, { date }));
  const { issuedAt, expiresAt } = tokenOf(await behind.obtain());
  expect([issuedAt, expiresAt]).toEqual([NOW, NOW + 3_659_000]);
  behind.answer(json({ ...issued, access_token: jwt({ exp: NOW / 1000 - 1 }) }));
  expect(inShort(await behind.obtain())).toMatch(/^refused lifetime_unusable/);
});
