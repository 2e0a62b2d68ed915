import { decodeJwt } from 'jose';
import { Secret } from '../../src/oauth/secret.js';
import type { FormPost } from '../../src/upstreams/form-post.js';
import { prepareRevocation, readRevocationResponse } from '../../src/upstreams/revocation.js';
import { prepareIntrospection } from '../../src/upstreams/introspection.js';
import { prepareTokenRequest } from '../../src/upstreams/token-request.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response } from './answers.js';
import { ISSUER, metadata, NOW, signing, wish, wishByKey, wishBySecret } from './wish.js';

const token = new Secret('opaque-token');

function prepared(post: FormPost | 'unsupported'): FormPost {
  if (post === 'unsupported') throw new Error('unsupported');
  return post;
}

describe('a revocation', () => {
  it('names the token and its kind, authenticated by the header for a secret (A88)', async () => {
    const { endpoint, authorization, body } = prepared(await prepareRevocation(wish(), token, metadata(), signing()));
    expect(endpoint).toBe(`${ISSUER}/revoke`);
    expect(body.reveal()).toBe('token=opaque-token&token_type_hint=access_token');
    expect(authorization?.reveal()).toMatch(/^Basic /);
  });

  it('has an assertion of its own, which is for the issuer as ever (A24, A89)', async () => {
    const [one, means] = [await wishByKey(), signing()];
    const request = await prepareTokenRequest(one, metadata(), means);
    const revocation = prepared(await prepareRevocation(one, token, metadata(), means));
    const claims = [request, revocation].map(({ body }) => decodeJwt(new URLSearchParams(body.reveal()).get('client_assertion') ?? ''));
    expect(claims.map(({ aud }) => aud)).toEqual([ISSUER, ISSUER]);
    expect(claims[0]?.jti).not.toBe(claims[1]?.jti);
    expect(revocation.authorization).toBeNull();
  });

  it('heeds the algorithms of its own endpoint, else those of the token endpoint (A89)', async () => {
    const one = await wishByKey();
    const own = metadata({ tokenEndpointAlgorithms: ['ES256'], revocationEndpointAlgorithms: ['RS256'] });
    await expect(prepareRevocation(one, token, own, signing())).rejects.toMatchObject({ fault: 'algorithm_unsupported' });
    const inherited = metadata({ tokenEndpointAlgorithms: ['RS256'] });
    await expect(prepareRevocation(one, token, inherited, signing())).rejects.toMatchObject({ fault: 'algorithm_unsupported' });
  });

  it.each([
    ['client_secret_post', ['client_secret_basic'], 'header'],
    ['client_secret_post', ['client_secret_basic', 'client_secret_post'], 'body'],
    ['client_secret_post', ['private_key_jwt'], 'body'],
    ['client_secret_post', null, 'body'],
    ['client_secret_basic', ['client_secret_post'], 'body'],
    ['client_secret_basic', ['client_secret_basic', 'client_secret_post'], 'header'],
    ['client_secret_basic', [], 'header'],
    ['client_secret_basic', null, 'header'],
  ] as const)(
    'of a client by %s, where its endpoint lists %j, has the secret in the %s alone (A11, A89)',
    async (method, listed, place) => {
      const [one, about] = [wishBySecret(method), metadata({ revocationEndpointMethods: listed, introspectionEndpointMethods: listed })];
      for (const { authorization, body } of [
        prepared(await prepareRevocation(one, token, about, signing())),
        prepared(await prepareIntrospection(one, token, about, signing())),
      ]) {
        expect([authorization !== null, new URLSearchParams(body.reveal()).has('client_secret')]).toEqual([
          place === 'header',
          place === 'body',
        ]);
      }
      const request = await prepareTokenRequest(one, about, signing());
      expect(request.authorization !== null).toBe(method === 'client_secret_basic');
    },
  );

  it('sends no credential that is bound elsewhere (A16)', async () => {
    const moved = metadata({ tokenEndpoint: 'https://other.example/token', revocationEndpoint: 'https://other.example/revoke' });
    await expect(prepareRevocation(wish(), token, moved, signing())).rejects.toMatchObject({ fault: 'credential_bound_elsewhere' });
  });

  it('shows a credential at no other origin than its own, though the catalogue names one (A16)', async () => {
    const elsewhere = metadata({ revocationEndpoint: 'https://other.example/revoke' });
    for (const one of [wish(), await wishByKey()])
      await expect(prepareRevocation(one, token, elsewhere, signing())).rejects.toMatchObject({ fault: 'credential_bound_elsewhere' });
  });

  it('is unsupported where the server has no endpoint for it (A91)', async () => {
    expect(await prepareRevocation(wish(), token, metadata({ revocationEndpoint: null }), signing())).toBe('unsupported');
  });
});

describe('the answer to a revocation', () => {
  it.each(['', '{}', 'revoked', '{"error":null}'])('is done with status 200 and the body %j (A88)', (body) => {
    expect(readRevocationResponse(response(200, body), NOW)).toEqual({ kind: 'revoked' });
  });

  it.each([400, 200, 503])('with status %i that the type is unsupported is final (A91)', (status) => {
    expect(readRevocationResponse(response(status, '{"error":"unsupported_token_type"}'), NOW)).toEqual({ kind: 'unsupported' });
  });

  it.each([
    [503, '', { 'retry-after': '120' }, 'server_unavailable', 120],
    [503, '', {}, 'server_unavailable', null],
    [429, '', { 'retry-after': '5' }, 'throttled', 5],
    [500, '<html>', {}, 'server_unavailable', null],
    [502, '', {}, 'server_unavailable', null],
    [400, '{"error":"temporarily_unavailable"}', {}, 'server_unavailable', null],
    [401, '{"error":"invalid_client"}', {}, 'client_refused', null],
    [401, '{"error":"invalid_client"}', { 'retry-after': '30' }, 'client_refused', 30],
    [403, '<html>', {}, 'client_refused', null],
    [400, '{"error":"invalid_request"}', {}, 'request_rejected', null],
    [200, '{"error":"invalid_client"}', {}, 'client_refused', null],
    [302, '', {}, 'redirect', null],
    [404, '<html>', {}, 'response_unreadable', null],
    [204, '', {}, 'response_unreadable', null],
  ])('with status %i and the body %j leaves the token alive for now (A90)', (status, body, headers, fault, retryAfter) => {
    expect(readRevocationResponse(response(status, body, headers), NOW)).toEqual({ kind: 'pending', fault, retryAfter });
  });

  it.each([
    ['timeout', true],
    ['unreachable', false],
  ] as const)('that did not come (%s) leaves it alive for now', (fault, sent) => {
    expect(readRevocationResponse(new UpstreamExchangeFailed(fault, sent), NOW)).toEqual({ kind: 'pending', fault, retryAfter: null });
  });
});
