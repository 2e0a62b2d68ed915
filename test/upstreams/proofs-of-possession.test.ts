import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { Scope } from '../../src/oauth/scope.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { cacheKey, requestInputs } from '../../src/upstreams/request-inputs.js';
import { readIntrospectionResponse } from '../../src/upstreams/introspection.js';
import { prepareTokenRequest, sendTokenRequest, type PreparedTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish } from '../../src/upstreams/token.js';
import { jwt, response, success } from './answers.js';
import { inShort } from './reading.js';
import { ScriptedHttp } from './scripted-http.js';
import { client, ISSUER, keyCredential, metadata, NOW, RESOURCE, resource, server, signing, wish, wishByKey } from './wish.js';

const means = signing();
const dpop = server({ senderConstraint: 'dpop' });

async function proving(more: Partial<TokenWish> = {}): Promise<TokenWish> {
  return wish({ server: dpop, proofKey: await means.proofs.keyFor('cresecret', null), ...more });
}

function proofOf(prepared: PreparedTokenRequest): string {
  return prepared.proof?.text.reveal() ?? '';
}

function nonceIn(prepared: PreparedTokenRequest): unknown {
  return decodeJwt(proofOf(prepared))['nonce'];
}

describe('a proof of possession', () => {
  it('says what RFC 9449 §4.2 asks, and is signed by the key that it shows (A32)', async () => {
    const one = await proving();
    const prepared = await prepareTokenRequest(one, metadata({ tokenEndpoint: `${ISSUER}/token?tenant=1` }), means);
    const { typ, alg, jwk, ...rest } = decodeProtectedHeader(proofOf(prepared));
    expect({ typ, alg, rest }).toEqual({ typ: 'dpop+jwt', alg: 'ES256', rest: {} });
    expect(Object.keys(jwk ?? {}).sort()).toEqual(['crv', 'kty', 'x', 'y']);
    const { payload } = await jwtVerify(proofOf(prepared), await importJWK(one.proofKey?.publicKey ?? {}, 'ES256'));
    const { jti, ...claims } = payload;
    expect(claims).toEqual({ htm: 'POST', htu: `${ISSUER}/token`, iat: NOW / 1000 });
    expect(Buffer.from(jti ?? '', 'base64url')).toHaveLength(20);
    expect(JSON.stringify(prepared)).not.toContain(proofOf(prepared));
  });

  it('is new in each attempt, as the assertion is (A24, A33)', async () => {
    const one = await wishByKey({ server: dpop, proofKey: await means.proofs.keyFor('crekeyES256', null) });
    const [first, second] = [await prepareTokenRequest(one, metadata(), means), await prepareTokenRequest(one, metadata(), means)];
    expect(decodeJwt(proofOf(first)).jti).not.toBe(decodeJwt(proofOf(second)).jti);
    expect(first.assertionJti).not.toBe(second.assertionJti);
  });

  it('is by a key of the credential’s version, and by none that signs anything else (A27, A37)', async () => {
    const key = await means.proofs.keyFor('cre1', null);
    expect(await means.proofs.keyFor('cre1', null)).toBe(key);
    const next = await means.proofs.keyFor('cre2', null);
    expect(next.thumbprint).not.toBe(key.thumbprint);
    const [one, other] = [await proving({ proofKey: key }), await proving({ proofKey: next })];
    expect(cacheKey(requestInputs(one, metadata()), 'run')).not.toBe(cacheKey(requestInputs(other, metadata()), 'run'));
  });

  it.each([
    [null, 'ES256'],
    [['RS256', 'Ed25519'], 'Ed25519'],
    [['ES384'], 'ES384'],
    [['PS256', 'RS256'], 'PS256'],
  ])('is by an algorithm that the server lists: of %j it is %s (A36)', async (listed, algorithm) => {
    const key = await means.proofs.keyFor('cre1', listed);
    expect(decodeProtectedHeader((await means.proofs.prove(key, ISSUER)).text.reveal()).alg).toBe(algorithm);
  });

  it('cannot be where the server lists none of ours (A36)', () => {
    expect(() => means.proofs.keyFor('cre1', ['HS256', 'none'])).toThrow('algorithm_unsupported');
  });

  it('is in no request for a bearer token', async () => {
    expect((await prepareTokenRequest(wish(), metadata(), means)).proof).toBeNull();
  });
});

describe('the nonce of a server (A34)', () => {
  it('is that of its latest answer, good or not, and no other server’s', async () => {
    const own = signing();
    const one = await proving();
    const http = new ScriptedHttp();
    const send = async (answer: (typeof http.answers)[string], about = metadata()): Promise<unknown> => {
      http.answers[about.tokenEndpoint] = answer;
      const prepared = await prepareTokenRequest(one, about, own);
      await sendTokenRequest(prepared, http, 1_000);
      return nonceIn(prepared);
    };
    expect(await send(response(400, '{"error":"use_dpop_nonce"}', { 'dpop-nonce': 'one' }))).toBeUndefined();
    expect(await send(success({}, { 'dpop-nonce': 'two' }))).toBe('one');
    expect(await send(success())).toBe('two');
    expect(await send(success({}, { 'dpop-nonce': 'three, four' }))).toBe('two');
    expect(await send(new UpstreamExchangeFailed('timeout', true))).toBe('two');
    expect(await send(success())).toBe('two');
    const proof = await own.proofs.prove(await own.proofs.keyFor('cre1', null), 'https://other.example/token');
    expect(decodeJwt(proof.text.reveal())).not.toHaveProperty('nonce');
    expect(http.requests[0]?.headers).toHaveProperty('dpop');
  });

  it.each([
    ['with a nonce', { 'dpop-nonce': 'one' }, 'nonce_required'],
    ['without one', {}, 'request_rejected'],
    ['with two', { 'dpop-nonce': 'one, two' }, 'request_rejected'],
  ])('is asked for by a refusal %s: %s', async (_, headers, fault) => {
    const answer = response(400, '{"error":"use_dpop_nonce"}', headers);
    expect(readTokenResponse(await proving(), answer, NOW)).toEqual({ kind: 'failed', fault, retryAfter: null });
  });
});

describe('a token that must be bound', () => {
  const thumbprint = async (): Promise<string> => (await means.proofs.keyFor('cresecret', null)).thumbprint;
  const read = async (members: Record<string, unknown>, one?: TokenWish): Promise<string> =>
    inShort(readTokenResponse(one ?? (await proving()), success(members), NOW));

  it.each(['DPoP', 'dpop', 'DPOP'])('is one of the type %s', async (token_type) => {
    expect(await read({ token_type })).toBe('token');
    expect(await read({ token_type, access_token: jwt({ cnf: { jkt: await thumbprint() } }) })).toBe('token');
  });

  it.each(['Bearer', 'bearer', 'N_A', '', undefined])(
    'is refused, and is there to be revoked, as one of the type %j (A35)',
    async (token_type) => {
      expect(await read({ token_type })).toBe('refused token_type_unusable opaque-token');
    },
  );

  it.each([
    ['another key', { cnf: { jkt: 'another' } }],
    ['a certificate that was not shown', { cnf: { 'x5t#S256': 'another' } }],
    ['nothing', {}],
    ['what cannot be understood', { cnf: 'another' }],
  ])('is refused when it says that it is bound to %s (A31, A35)', async (_, claims) => {
    const text = jwt(claims);
    expect(await read({ token_type: 'DPoP', access_token: text })).toBe(`refused binding_mismatch ${text}`);
  });

  it('is refused as a bearer token that is bound to somebody else’s key (A31)', async () => {
    for (const cnf of [{ jkt: 'another' }, { 'x5t#S256': 'another' }]) {
      expect(await read({ access_token: jwt({ cnf }) }, wish())).toMatch(/^refused binding_mismatch /);
    }
    expect(await read({ access_token: jwt({ cnf: null }) }, wish())).toBe('token');
  });

  it('is no bearer token where the server calls it one of a proof that was not sent', async () => {
    expect(await read({ token_type: 'DPoP' }, wish())).toBe('refused token_type_unusable opaque-token');
  });

  it('to a certificate says so where it can be read, and is unverified where it cannot (A31)', async () => {
    const certified = wish({
      client: client({ method: 'tls_client_auth' }),
      resource: resource({ senderConstraint: 'mtls' }),
      scope: Scope.of(['crm:read']),
      credential: {
        ...(await keyCredential()),
        method: 'tls_client_auth',
        publicKey: { x5c: [Buffer.from('certificate').toString('base64')] },
      },
    });
    const own = { cnf: { 'x5t#S256': createHash('sha256').update('certificate').digest('base64url') } };
    expect(await read({ access_token: jwt({}) }, certified)).toMatch(/^refused binding_mismatch /);
    expect(await read({ access_token: jwt({ cnf: { 'x5t#S256': 'another' } }) }, certified)).toMatch(/^refused binding_mismatch /);
    const bound = readTokenResponse(certified, success({ access_token: jwt(own) }), NOW);
    expect(bound).toMatchObject({ kind: 'token', token: { type: 'Bearer', binding: 'mtls' } });
    expect(readTokenResponse(certified, success(), NOW)).toMatchObject({ kind: 'token', token: { binding: 'unverified' } });
    // nobody but the response says it: a resource that reads the token could not tell
    expect(await read({ access_token: jwt({}), ...own }, certified)).toMatch(/^refused binding_mismatch /);
    expect(readTokenResponse(certified, success(own), NOW)).toMatchObject({ kind: 'token', token: { binding: 'mtls' } });
  });

  it('to our certificate is refused where nobody asked for that: no agent could use it (A31, D6)', async () => {
    const certified = wish({
      client: client({ method: 'tls_client_auth' }),
      credential: {
        ...(await keyCredential()),
        method: 'tls_client_auth',
        publicKey: { x5c: [Buffer.from('certificate').toString('base64')] },
      },
    });
    const own = { cnf: { 'x5t#S256': createHash('sha256').update('certificate').digest('base64url') } };
    for (const members of [{ access_token: jwt(own) }, { access_token: jwt({}), ...own }, own]) {
      const outcome = readTokenResponse(certified, success(members), NOW);
      expect(outcome).toMatchObject({ kind: 'refused', fault: 'binding_unasked', token: { type: 'Bearer', binding: 'mtls' } });
    }
    const opaque = readTokenResponse({ ...certified, resource: resource({ verifyAudience: true }) }, success(), NOW);
    if (opaque.kind !== 'refused' || opaque.token === null) throw new Error('its audience cannot be known');
    const active = { active: true, aud: RESOURCE, ...own };
    expect(readIntrospectionResponse(certified, opaque.token, response(200, JSON.stringify(active)))).toMatchObject({
      kind: 'refused',
      fault: 'binding_unasked',
      token: { binding: 'mtls' },
    });
    expect(await read({ access_token: jwt({}) }, certified)).toBe('token');
    expect(await read({ cnf: { 'x5t#S256': 'another' } }, certified)).toMatch(/^refused binding_mismatch /);
    expect(await read({ cnf: 'another' }, certified)).toMatch(/^refused binding_mismatch /);
  });
});
