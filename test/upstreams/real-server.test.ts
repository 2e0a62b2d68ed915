import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { AuthorizationServer, Client } from '../../src/catalogue/catalogue.js';
import type { Credential } from '../../src/credentials/credential.js';
import { newSecretText } from '../../src/oauth/identifier.js';
import { Scope } from '../../src/oauth/scope.js';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import type { Signing } from '../../src/upstreams/client-assertion.js';
import { prepareIntrospection, readIntrospectionResponse, sendIntrospection } from '../../src/upstreams/introspection.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { prepareRevocation, readRevocationResponse, sendRevocation } from '../../src/upstreams/revocation.js';
import { ProofsOfPossession } from '../../src/upstreams/proofs-of-possession.js';
import { SigningKeys } from '../../src/upstreams/signing-keys.js';
import { prepareTokenRequest, sendTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome, UpstreamToken } from '../../src/upstreams/token.js';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { KeptPins } from './kept-pins.js';
import { client, keyCredential, profile, resource, secretCredential, server, wish } from './wish.js';

const randomness = { bytes: (length: number) => randomBytes(length) };
const clock = { now: () => Date.now() };
const means: Signing = { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
const FILES = 'https://files.example/api';
/** Its scopes are named behind it. */
const PREFIXED = 'https://prefixed.example/api';
const secret = newSecretText(randomness);
const http = new UndiciUpstreamHttp();

let real: RunningAuthorizationServer;
let demo: AuthorizationServer;
let metadata: MetadataCache;
let bySecret: { client: Client; credential: Credential };
let byKey: { client: Client; credential: Credential };

beforeAll(async () => {
  const key = await keyCredential();
  real = await startAuthorizationServer({
    clients: [
      { client_id: 'by-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
      {
        client_id: 'by-key',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...key.publicKey, kid: key.kid, alg: key.algorithm, use: 'sig' }] },
      },
    ],
    resources: {
      'https://crm.example/api': { scopes: ['crm:read', 'crm:write'], ttl: 600 },
      [FILES]: { scopes: ['files:read'], format: 'opaque' },
      [PREFIXED]: { scopes: [`${PREFIXED}/read`, `${PREFIXED}/write`], format: 'opaque' },
    },
  });
  demo = server({ issuer: real.issuer, allowHosts: ['127.0.0.1'] });
  metadata = new MetadataCache(http, clock, new KeptPins());
  const bound = { issuer: real.issuer, tokenEndpointOrigin: real.issuer };
  bySecret = { client: client({ clientId: 'by-secret' }), credential: secretCredential(secret, bound) };
  byKey = { client: client({ clientId: 'by-key', method: 'private_key_jwt' }), credential: { ...key, ...bound } };
}, 60_000);
afterAll(() => Promise.all([real.stop(), http.close()]));

async function obtain(one: TokenWish): Promise<UpstreamOutcome> {
  const prepared = await prepareTokenRequest(one, await metadata.get(one.server), means);
  const sentAt = clock.now();
  return readTokenResponse(one, await sendTokenRequest(prepared, http, 5_000), sentAt);
}

async function obtained(one: TokenWish): Promise<UpstreamToken> {
  const outcome = await obtain(one);
  if (outcome.kind !== 'token') throw new Error(JSON.stringify(outcome));
  return outcome.token;
}

describe('oidc-provider', () => {
  it.each(['secret', 'key'])(
    'gives a JWT for one resource and scope to a client by %s, and all that it says is checked (A44)',
    async (how) => {
      const party = how === 'secret' ? bySecret : byKey;
      const token = await obtained(wish({ server: demo, ...party }));
      const claims = decodeJwt(token.text.reveal());
      expect(claims).toMatchObject({
        iss: real.issuer,
        aud: 'https://crm.example/api',
        scope: 'crm:read',
        client_id: party.client.clientId,
      });
      expect(token).toMatchObject({ audience: ['https://crm.example/api'], granted: Scope.of(['crm:read']), jti: claims.jti });
      expect(Math.abs(token.expiresAt - (claims.exp ?? 0) * 1000)).toBeLessThan(5_000);
      expect((await real.issued()).map(({ sha256 }) => sha256)).toContain(token.sha256);
    },
  );

  it('keeps a list that the assertion’s identifier ties to ours (A24)', async () => {
    const one = wish({ server: demo, ...byKey });
    const prepared = await prepareTokenRequest(one, await metadata.get(demo), means);
    await sendTokenRequest(prepared, http, 5_000);
    expect((await real.issued()).map(({ assertion_jti }) => assertion_jti)).toContain(prepared.assertionJti);
  });

  it('refuses an assertion that is sent twice, and takes a new one (A24)', async () => {
    const one = wish({ server: demo, ...byKey });
    const prepared = await prepareTokenRequest(one, await metadata.get(demo), means);
    await sendTokenRequest(prepared, http, 5_000);
    const replayed = readTokenResponse(one, await sendTokenRequest(prepared, http, 5_000), clock.now());
    expect(replayed).toMatchObject({ kind: 'failed', fault: 'client_refused' });
    expect((await obtain(one)).kind).toBe('token');
  });

  it('refuses a wrong secret, as our fault and not the agent’s (A63)', async () => {
    const wrong = secretCredential('wrong', { issuer: real.issuer, tokenEndpointOrigin: real.issuer });
    const outcome = await obtain(wish({ server: demo, ...bySecret, credential: wrong }));
    expect(outcome).toEqual({ kind: 'failed', fault: 'client_refused', retryAfter: null });
  });

  it('refuses a resource that it does not know (A43)', async () => {
    const outcome = await obtain(wish({ server: demo, ...bySecret, resource: resource({ uri: 'https://unknown.example' }) }));
    expect(outcome).toEqual({ kind: 'failed', fault: 'target_rejected', retryAfter: null });
  });

  it('leaves out scopes that it does not know without a word, which its token tells (A54, A55)', async () => {
    const token = await obtained(wish({ server: demo, ...bySecret, scope: Scope.of(['crm:read', 'unknown']) }));
    expect(token.granted.tokens).toEqual(['crm:read']);
  });

  it('gives an opaque token, whose audience stays unverified, and revokes it, by secret and by key (A44, A88)', async () => {
    for (const party of [bySecret, byKey]) {
      const token = await obtained(wish({ server: demo, ...party, resource: resource({ uri: FILES }), scope: Scope.of(['files:read']) }));
      expect(token).toMatchObject({ audience: 'unverified', jti: null });
      expect(await revoke(party, token)).toEqual({ kind: 'revoked' });
      const issued = (await real.issued()).find(({ sha256 }) => sha256 === token.sha256);
      expect(issued?.revoked_at).not.toBeNull();
      expect(await revoke(party, token)).toEqual({ kind: 'revoked' });
    }
  });

  it('cannot revoke a JWT, and says so (A91)', async () => {
    expect(await revoke(byKey, await obtained(wish({ server: demo, ...byKey })))).toEqual({ kind: 'unsupported' });
  });

  it('is refused its opaque token by a resource that insists on a verified audience', async () => {
    const insists = resource({ uri: FILES, verifyAudience: true });
    expect(await obtain(wish({ server: demo, ...bySecret, resource: insists, scope: Scope.of(['files:read']) }))).toMatchObject({
      kind: 'refused',
      fault: 'audience_unverified',
    });
  });

  it('says of its opaque token, when it is asked, for whom it is and for what: by secret, by key, in each form of scopes (A89, A92)', async () => {
    const plain = { server: demo, resource: resource({ uri: FILES, verifyAudience: true }), scope: Scope.of(['files:read']) };
    const prefixed = {
      server: { ...demo, profile: profile({ scopeForm: 'prefixed' }) },
      resource: resource({ uri: PREFIXED, verifyAudience: true }),
      scope: Scope.of(['read']),
    };
    for (const party of [bySecret, byKey]) {
      for (const asked of [plain, prefixed]) {
        const one = wish({ ...asked, ...party });
        expect(await learned(one)).toMatchObject({ kind: 'token', token: { audience: [asked.resource.uri], granted: asked.scope } });
      }
    }
  });
});

/** With what introspection says of the token, which does not say it itself. */
async function learned(one: TokenWish): Promise<UpstreamOutcome> {
  const outcome = await obtain(one);
  if (outcome.kind !== 'refused' || outcome.token === null) throw new Error(JSON.stringify(outcome));
  const prepared = await prepareIntrospection(one, outcome.token.text, await metadata.get(one.server), means);
  if (prepared === 'unsupported') throw new Error('the server can be asked');
  return readIntrospectionResponse(one, outcome.token, await sendIntrospection(prepared, http, 5_000));
}

async function revoke(party: { client: Client; credential: Credential }, token: UpstreamToken): Promise<unknown> {
  const prepared = await prepareRevocation({ server: demo, ...party }, token.text, await metadata.get(demo), means);
  if (prepared === 'unsupported') return { kind: 'unsupported' };
  return readRevocationResponse(await sendRevocation(prepared, http, 5_000), clock.now());
}
