import fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import { prepareIntrospection } from '../../src/upstreams/introspection.js';
import { prepareRevocation } from '../../src/upstreams/revocation.js';
import { prepareTokenRequest, type PreparedTokenRequest } from '../../src/upstreams/token-request.js';
import type { TokenWish } from '../../src/upstreams/token.js';
import { UpstreamFailed } from '../../src/upstreams/upstream-failed.js';
import {
  client,
  keyCredential,
  metadata,
  NOW,
  profile,
  resource,
  secretCredential,
  server,
  signing,
  wish,
  wishByKey,
  wishBySecret,
  ISSUER,
} from './wish.js';
import { jwkOf } from '../rig/jwk.js';

async function prepare(one: TokenWish, about = metadata()): Promise<PreparedTokenRequest> {
  return prepareTokenRequest(one, about, signing());
}

function parametersOf(prepared: PreparedTokenRequest): [string, string][] {
  return [...new URLSearchParams(prepared.body.reveal())];
}

function assertionOf(prepared: Pick<PreparedTokenRequest, 'body'>): string {
  return new URLSearchParams(prepared.body.reveal()).get('client_assertion') ?? '';
}

function basicOf(prepared: PreparedTokenRequest): string {
  const [scheme, credentials = ''] = prepared.authorization?.reveal().split(' ') ?? [];
  expect(scheme).toBe('Basic');
  return Buffer.from(credentials, 'base64').toString('utf8');
}

async function faultOf(preparing: Promise<unknown>): Promise<string> {
  const error: unknown = await preparing.catch((caught: unknown) => caught);
  if (!(error instanceof UpstreamFailed)) throw error;
  return error.fault;
}

describe('what is asked for', () => {
  it('is a client credentials grant with the scope and the resource, each once and none empty, and with nothing else (A1, A3, A4, A47)', async () => {
    const prepared = await prepare(wish({ scope: Scope.of(['crm:write', 'crm:read']) }));
    expect(prepared.endpoint).toBe(`${ISSUER}/token`);
    expect(parametersOf(prepared)).toEqual([
      ['grant_type', 'client_credentials'],
      ['scope', 'crm:read crm:write'],
      ['resource', 'https://crm.example/api'],
    ]);
  });

  it('is byte for byte the scope and the resource that were declared (A1, A42)', async () => {
    const prepared = await prepare(wish({ scope: Scope.of(['a+b&c=%41']), resource: resource({ uri: 'https://X.example' }) }));
    expect(prepared.body.reveal()).toBe('grant_type=client_credentials&scope=a%2Bb%26c%3D%2541&resource=https%3A%2F%2FX.example');
  });

  it('always names its scopes (A39)', async () => {
    await expect(prepare(wish({ scope: Scope.none }))).rejects.toThrow('needs a scope');
  });

  it('names the resource as the server knows it, or not at all where it takes none (A41)', async () => {
    const audience = await prepare(wish({ server: server({ profile: profile({ resourceParameter: 'audience' }) }) }));
    expect(parametersOf(audience)).toContainEqual(['audience', 'https://crm.example/api']);
    const none = await prepare(wish({ server: server({ profile: profile({ resourceParameter: null }) }) }));
    expect(parametersOf(none).map(([name]) => name)).toEqual(['grant_type', 'scope']);
  });

  it('says details as canonical JSON, beside the scope or without one (A46)', async () => {
    const details = AuthorizationDetails.parse('[{"type":"payment","actions":["initiate"]}]');
    const parameter = ['authorization_details', '[{"actions":["initiate"],"type":"payment"}]'];
    const names = async (one: TokenWish) => parametersOf(await prepare(one)).filter(([name]) => name !== 'grant_type');
    const resourceParameter = ['resource', 'https://crm.example/api'];
    expect(await names(wish({ details }))).toEqual([['scope', 'crm:read'], parameter, resourceParameter]);
    expect(await names(wish({ scope: Scope.none, details }))).toEqual([parameter, resourceParameter]);
  });

  it('is not sent with details of a type that the server does not list, if it lists any (A46)', async () => {
    const one = wish({ details: AuthorizationDetails.parse('[{"type":"account"},{"type":"payment"}]') });
    for (const listed of [[], ['account'], ['account', 'Payment']]) {
      expect(await faultOf(prepare(one, metadata({ authorizationDetailsTypes: listed })))).toBe('details_type_unsupported');
    }
    for (const listed of [null, ['payment', 'account']]) {
      expect(parametersOf(await prepare(one, metadata({ authorizationDetailsTypes: listed })))).toHaveLength(4);
    }
  });

  it('goes to the endpoint with its query (A2)', async () => {
    expect((await prepare(wish(), metadata({ tokenEndpoint: `${ISSUER}/token?tenant=1` }))).endpoint).toBe(`${ISSUER}/token?tenant=1`);
  });
});

describe('authentication by secret', () => {
  it('form-encodes id and secret each, and sends them in the header alone (A11, A12)', async () => {
    const prepared = await prepare(wish({ client: client({ clientId: 'a:b c' }), credential: secretCredential(' %&+£€') }));
    expect(basicOf(prepared)).toBe('a%3Ab+c:+%25%26%2B%C2%A3%E2%82%AC');
    expect(parametersOf(prepared).map(([name]) => name)).toEqual(['grant_type', 'scope', 'resource']);
    expect(prepared.assertionJti).toBeNull();
  });

  it('can be undone by the server, whatever id and secret are (A12)', async () => {
    const unicode = fc.string({ unit: 'grapheme', minLength: 1 });
    await fc.assert(
      fc.asyncProperty(unicode, unicode, async (id, secret) => {
        const parts = basicOf(await prepare(wish({ client: client({ clientId: id }), credential: secretCredential(secret) }))).split(':');
        expect(parts.map((part) => decodeURIComponent(part.replaceAll('+', ' ')))).toEqual([id, secret]);
      }),
    );
  });

  it('is raw only where the profile says so (A13, Q1)', async () => {
    const raw = server({ profile: profile({ basicEncoding: 'raw' }) });
    expect(basicOf(await prepare(wish({ server: raw, credential: secretCredential('a b+/%') })))).toBe('corridor-indexer:a b+/%');
  });
});

describe('authentication by secret in the body', () => {
  it('sends id and secret as parameters, and no header (A11, A13)', async () => {
    const prepared = await prepare(wishBySecret('client_secret_post', {}, ' %&+£€'));
    expect(prepared.authorization).toBeNull();
    expect(parametersOf(prepared)).toEqual([
      ['grant_type', 'client_credentials'],
      ['scope', 'crm:read'],
      ['resource', 'https://crm.example/api'],
      ['client_id', 'corridor-indexer'],
      ['client_secret', ' %&+£€'],
    ]);
    expect(prepared.body.reveal()).toMatch(/&client_secret=\+%25%26%2B%C2%A3%E2%82%AC$/);
  });
});

describe('authentication by a MAC of the secret', () => {
  const octets = new TextEncoder().encode('a canary secret of more than 32 characters');

  it.each(['HS256', 'HS384', 'HS512'] as const)(
    'sends an assertion by %s, without the secret and without a kid (A11, A17)',
    async (algorithm) => {
      const one = wishBySecret('client_secret_jwt', { client: client({ method: 'client_secret_jwt', algorithm }) });
      const prepared = await prepare(one);
      expect(prepared.authorization).toBeNull();
      expect(parametersOf(prepared).map(([name]) => name)).toEqual([
        'grant_type',
        'scope',
        'resource',
        'client_assertion_type',
        'client_assertion',
      ]);
      expect(decodeProtectedHeader(assertionOf(prepared))).toEqual({ alg: algorithm, typ: 'client-authentication+jwt' });
      const { payload } = await jwtVerify(assertionOf(prepared), octets, { currentDate: new Date(NOW) });
      expect(payload).toMatchObject({ iss: 'corridor-indexer', sub: 'corridor-indexer', aud: ISSUER, jti: prepared.assertionJti });
      expect((await prepare(one)).body.reveal()).not.toContain('canary');
    },
  );

  it('is by HS256 unless the client says otherwise, and refused where the server does not list it (A26)', async () => {
    const one = wishBySecret('client_secret_jwt');
    expect(decodeProtectedHeader(assertionOf(await prepare(one))).alg).toBe('HS256');
    expect(await faultOf(prepare(one, metadata({ tokenEndpointAlgorithms: ['ES256', 'HS512'] })))).toBe('algorithm_unsupported');
  });
});

describe('authentication by key', () => {
  it('sends one assertion of the registered type, and nothing else that authenticates (A11, A18, A19)', async () => {
    const prepared = await prepare(await wishByKey());
    expect(prepared.authorization).toBeNull();
    expect(parametersOf(prepared)).toEqual([
      ['grant_type', 'client_credentials'],
      ['scope', 'crm:read'],
      ['resource', 'https://crm.example/api'],
      ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
      ['client_assertion', expect.any(String)],
    ]);
  });

  it.each(['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519'])(
    'signs with %s what the public key verifies, and names the key (A22, A25, A26)',
    async (algorithm) => {
      const credential = await keyCredential(algorithm);
      const assertion = assertionOf(await prepare(await wishByKey({ credential })));
      expect(decodeProtectedHeader(assertion)).toEqual({ alg: algorithm, kid: credential.kid, typ: 'client-authentication+jwt' });
      await jwtVerify(assertion, await importJWK(credential.publicKey, algorithm), { currentDate: new Date(NOW) });
    },
  );

  it('says in it who, for whom and for how long: one audience, the issuer; dated back; 60 seconds (A19, A20, A23)', async () => {
    const prepared = await prepare(await wishByKey());
    const seconds = NOW / 1000;
    expect(decodeJwt(assertionOf(prepared))).toEqual({
      iss: 'corridor-indexer',
      sub: 'corridor-indexer',
      aud: ISSUER,
      iat: seconds - 5,
      nbf: seconds - 5,
      exp: seconds + 55,
      jti: prepared.assertionJti,
    });
  });

  it.each(['https://as.example', 'https://as.example/', 'https://as.example/T1/'])(
    'has the issuer %s as its audience byte for byte (A20)',
    async (issuer) => {
      const credential = await keyCredential('ES256', { issuer });
      const prepared = await prepare(await wishByKey({ server: server({ issuer }), credential }), metadata({ issuer }));
      expect(decodeJwt(assertionOf(prepared)).aud).toBe(issuer);
    },
  );

  it('never lives longer than 300 seconds, whatever the profile says (A23)', async () => {
    const prepared = await prepare(await wishByKey({ server: server({ profile: profile({ assertionLife: 3600 }) }) }));
    const { iat = 0, exp = 0 } = decodeJwt(assertionOf(prepared));
    expect(exp - iat).toBe(300);
  });

  it('has an identifier of 160 bits, new in each attempt (A24)', async () => {
    const [one, means] = [await wishByKey(), signing()];
    const attempts = [await prepareTokenRequest(one, metadata(), means), await prepareTokenRequest(one, metadata(), means)];
    const identifiers = attempts.map(({ assertionJti }) => assertionJti ?? '');
    expect(new Set(identifiers).size).toBe(2);
    expect(identifiers.map((jti) => Buffer.from(jti, 'base64url').length)).toEqual([20, 20]);
    expect(attempts.map((attempt) => decodeJwt(assertionOf(attempt)).jti)).toEqual(identifiers);
  });

  it.each([
    ['JWT', { alg: 'ES256', typ: 'JWT' }],
    [null, { alg: 'ES256' }],
  ] as const)('has the type %s where the profile says so (A22)', async (assertionType, header) => {
    const prepared = await prepare(await wishByKey({ server: server({ profile: profile({ assertionType }) }) }));
    const { kid, ...rest } = decodeProtectedHeader(assertionOf(prepared));
    expect(rest).toEqual(header);
    expect(kid).toMatch(/./);
  });

  it.each(['x5t', 'x5t#S256', 'x5c'] as const)(
    'shows the certificate of its key where the profile says so: %s (Q7)',
    async (assertionCertificate) => {
      const shows = server({ profile: profile({ assertionCertificate }) });
      const key = await keyCredential();
      const x5c = [Buffer.from('certificate').toString('base64'), Buffer.from('its issuer').toString('base64')];
      const prepared = await prepare(await wishByKey({ server: shows, credential: { ...key, publicKey: { ...key.publicKey, x5c } } }));
      expect(decodeProtectedHeader(assertionOf(prepared))).toEqual({
        alg: 'ES256',
        kid: key.kid,
        typ: 'client-authentication+jwt',
        ...(assertionCertificate === 'x5t'
          ? { x5t: createHash('sha1').update('certificate').digest('base64url') }
          : { 'x5t#S256': createHash('sha256').update('certificate').digest('base64url') }),
        ...(assertionCertificate === 'x5c' && { x5c }),
      });
      expect(await faultOf(prepare(await wishByKey({ server: shows })))).toBe('credential_unavailable');
    },
  );

  it('sends client_id beside it where the profile says so, and then the same (A19, Q16)', async () => {
    const prepared = await prepare(await wishByKey({ server: server({ profile: profile({ clientIdWithAssertion: true }) }) }));
    expect(parametersOf(prepared).filter(([name]) => name === 'client_id')).toEqual([['client_id', 'corridor-indexer']]);
  });

  it('is for the token endpoint only where the catalogue itself names it (A21)', async () => {
    const old = profile({ assertionAudience: 'token_endpoint' });
    const tokenEndpoint = `${ISSUER}/token`;
    const pinned = await prepare(await wishByKey({ server: server({ profile: old, tokenEndpoint }) }));
    expect(decodeJwt(assertionOf(pinned)).aud).toBe(tokenEndpoint);
    expect(await faultOf(prepare(await wishByKey({ server: server({ profile: old }) })))).toBe('metadata_invalid');
  });

  it('is for the endpoint that is called only where the catalogue itself names that (A21)', async () => {
    const called = profile({ assertionAudience: 'endpoint' });
    const [tokenEndpoint, revocationEndpoint, means] = [`${ISSUER}/token`, `${ISSUER}/revoke`, signing()];
    const pinned = await wishByKey({ server: server({ profile: called, tokenEndpoint, revocationEndpoint }) });
    const token = new Secret('opaque');
    const revocation = await prepareRevocation(pinned, token, metadata(), means);
    if (revocation === 'unsupported') throw new Error('unsupported');
    const posts = [await prepare(pinned), revocation];
    expect(posts.map((post) => decodeJwt(assertionOf(post)).aud)).toEqual([tokenEndpoint, revocationEndpoint]);
    expect(await faultOf(prepareIntrospection(pinned, token, metadata(), means))).toBe('metadata_invalid');
    const half = await wishByKey({ server: server({ profile: called, tokenEndpoint }) });
    expect(await faultOf(prepareRevocation(half, token, metadata(), means))).toBe('metadata_invalid');
    expect(await faultOf(prepare(await wishByKey({ server: server({ profile: called }) })))).toBe('metadata_invalid');
  });

  it('is refused when the server lists algorithms without ours (A26)', async () => {
    const one = await wishByKey();
    expect(await faultOf(prepare(one, metadata({ tokenEndpointAlgorithms: ['HS256', 'none'] })))).toBe('algorithm_unsupported');
    expect((await prepare(one, metadata({ tokenEndpointAlgorithms: ['RS256', 'ES256'] }))).assertionJti).not.toBeNull();
  });

  it.each(['none', 'HS256', 'RS512'])(
    'is refused for a credential that claims the algorithm %s, also where the server lists it (A26)',
    async (algorithm) => {
      const credential = { ...(await keyCredential()), algorithm };
      expect(await faultOf(prepare(await wishByKey({ credential }), metadata({ tokenEndpointAlgorithms: [algorithm] })))).toBe(
        'algorithm_unsupported',
      );
    },
  );

  it.each([
    ['no JSON', 'canary'],
    ['no private key', '{"kty":"EC","crv":"P-256","x":"canary","y":"canary"}'],
    ['a symmetric key', '{"kty":"oct","k":"Y2FuYXJ5","d":"canary"}'],
  ])('fails without quoting what was there when the credential is %s (A60)', async (_, text) => {
    const credential = { ...(await keyCredential()), privateKey: new Secret(text) };
    const error: unknown = await prepare(await wishByKey({ credential })).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ fault: 'credential_unavailable' });
    expect(inspect(error)).not.toMatch(/canary|Y2FuYXJ5/);
  });
});

describe('a key', () => {
  it('of RSA with less than 2048 bits is refused (A27)', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = { ...(await keyCredential('RS256')), privateKey: new Secret(JSON.stringify(jwkOf(privateKey))) };
    expect(await faultOf(prepare(await wishByKey({ credential: weak })))).toBe('credential_unavailable');
  });

  it('signs with its own algorithm alone (A27)', async () => {
    const other = { ...(await keyCredential('ES256')), algorithm: 'RS256' };
    expect(await faultOf(prepare(await wishByKey({ credential: other })))).toBe('credential_unavailable');
  });
});

describe('a credential', () => {
  it('goes to no other issuer (A16)', async () => {
    const credential = secretCredential('s', { issuer: 'https://other.example' });
    expect(await faultOf(prepare(wish({ credential })))).toBe('credential_bound_elsewhere');
  });

  it('goes to no other origin of a token endpoint than that which it is bound to (A16)', async () => {
    const moved = metadata({ tokenEndpoint: 'https://as.example:8443/token' });
    expect(await faultOf(prepare(wish(), moved))).toBe('credential_bound_elsewhere');
    expect(await faultOf(prepare(await wishByKey(), moved))).toBe('credential_bound_elsewhere');
  });

  it('goes nowhere with the metadata of another issuer (A16)', async () => {
    expect(await faultOf(prepare(wish(), metadata({ issuer: 'https://other.example' })))).toBe('credential_bound_elsewhere');
  });

  it('is not used before it is bound', async () => {
    expect(await faultOf(prepare(wish({ credential: secretCredential('s', { tokenEndpointOrigin: null }) })))).toBe(
      'credential_unavailable',
    );
  });

  it('is used by its own client and by the declared method alone (A13)', async () => {
    expect(await faultOf(prepare(wish({ client: client({ method: 'private_key_jwt' }) })))).toBe('credential_unavailable');
    expect(await faultOf(prepare(wish({ client: client({ id: 'other' }) })))).toBe('credential_unavailable');
  });

  it('does not show in a prepared request that is printed (A60)', async () => {
    const prepared = [await prepare(wish()), await prepare(await wishByKey())];
    const printed = inspect(prepared, { depth: null }) + JSON.stringify(prepared);
    expect(printed).toContain('[redacted]');
    expect(printed).not.toMatch(/canary|eyJ|Basic/);
  });
});
