import { decodeJwt } from 'jose';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import type { FormPost } from '../../src/upstreams/form-post.js';
import { prepareIntrospection, readIntrospectionResponse } from '../../src/upstreams/introspection.js';
import { prepareTokenRequest } from '../../src/upstreams/token-request.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { UpstreamOutcome, UpstreamToken } from '../../src/upstreams/token.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response, success } from './answers.js';
import { ISSUER, metadata, NOW, profile, RESOURCE, resource, server, signing, wish, wishByKey } from './wish.js';

const insists = wish({ resource: resource({ verifyAudience: true }) });
const issued = unverified(readTokenResponse(insists, success(), NOW));
const active = { active: true, iss: ISSUER, aud: RESOURCE, scope: 'crm:read', client_id: 'corridor-indexer', exp: NOW / 1000 + 300 };
const read = (body: unknown, status = 200, headers: Record<string, string> = {}): UpstreamOutcome =>
  readIntrospectionResponse(insists, issued, response(status, JSON.stringify(body), headers));
const faultOf = (outcome: UpstreamOutcome): string => (outcome.kind === 'token' ? 'none' : outcome.fault);

function unverified(outcome: UpstreamOutcome): UpstreamToken {
  if (outcome.kind !== 'refused' || outcome.fault !== 'audience_unverified' || outcome.token === null)
    throw new Error('an opaque token says nothing of its audience');
  return outcome.token;
}

function prepared(introspection: FormPost | 'unsupported'): FormPost {
  if (introspection === 'unsupported') throw new Error('unsupported');
  return introspection;
}

describe('the question what a token is', () => {
  it('names the token, authenticated by the header for a secret', async () => {
    const { endpoint, authorization, body } = prepared(await prepareIntrospection(wish(), new Secret('opaque'), metadata(), signing()));
    expect(endpoint).toBe(`${ISSUER}/introspect`);
    expect(body.reveal()).toBe('token=opaque&token_type_hint=access_token');
    expect(authorization?.reveal()).toMatch(/^Basic /);
  });

  it('has an assertion of its own, which is for the issuer as ever, by the algorithms of its own endpoint (A24, A89)', async () => {
    const [one, means] = [await wishByKey(), signing()];
    const request = await prepareTokenRequest(one, metadata(), means);
    const question = prepared(await prepareIntrospection(one, new Secret('opaque'), metadata(), means));
    const claims = [request, question].map(({ body }) => decodeJwt(new URLSearchParams(body.reveal()).get('client_assertion') ?? ''));
    expect(claims.map(({ aud }) => aud)).toEqual([ISSUER, ISSUER]);
    expect(claims[0]?.jti).not.toBe(claims[1]?.jti);
    const own = metadata({ tokenEndpointAlgorithms: ['ES256'], introspectionEndpointAlgorithms: ['RS256'] });
    await expect(prepareIntrospection(one, new Secret('opaque'), own, signing())).rejects.toMatchObject({ fault: 'algorithm_unsupported' });
  });

  it('is not asked of a server that has no endpoint for it', async () => {
    const silent = metadata({ introspectionEndpoint: null });
    expect(await prepareIntrospection(wish(), new Secret('opaque'), silent, signing())).toBe('unsupported');
  });
});

describe('what a server says of its token', () => {
  it('is taken over: audience, scope and the earlier end', () => {
    const outcome = read({ ...active, exp: NOW / 1000 + 100 });
    expect(outcome).toMatchObject({ kind: 'token', token: { audience: [RESOURCE], issuedAt: NOW, expiresAt: NOW + 300_000 } });
    if (outcome.kind !== 'token') throw new Error('no token');
    expect(outcome.token.granted.tokens).toEqual(['crm:read']);
    expect(outcome.token.usableUntil).toBe(NOW + 99_000);
    expect(outcome.token.text).toBe(issued.text);
  });

  it('may say that fewer details were granted, and never more (A46, RFC 9396 §9.2)', () => {
    const [both, one] = [
      { type: 'payment', actions: ['initiate', 'status'] },
      { type: 'payment', actions: ['status'] },
    ];
    const asked = { ...insists, details: AuthorizationDetails.parse(JSON.stringify([both])) };
    const given = { ...issued, grantedDetails: asked.details };
    const said = (details: unknown) =>
      readIntrospectionResponse(asked, given, response(200, JSON.stringify({ ...active, authorization_details: details })));
    const grantedBy = (details: unknown) => {
      const outcome = said(details);
      return outcome.kind === 'token' ? outcome.token.grantedDetails.elements : faultOf(outcome);
    };
    expect(grantedBy([one])).toEqual([one]);
    expect(grantedBy(undefined)).toEqual([both]);
    expect(grantedBy([both, one])).toBe('details_broader');
    expect(grantedBy([])).toBe('details_unusable');
  });

  describe.each([
    ['plain', 'crm:read', 'crm:read crm:write', 'crm:read'],
    ['prefixed', `${RESOURCE}/crm:read`, `${RESOURCE}/crm:read ${RESOURCE}/crm:write`, `${RESOURCE}/crm:read`],
    ['dot_default', `${RESOURCE}/.default`, 'crm:read crm:write', 'crm:read'],
    ['none', undefined, 'crm:read crm:write', 'crm:read'],
  ] as const)('with scopes in the form %s', (scopeForm, answered, both, one) => {
    const asked = wish({
      server: server({ profile: profile({ scopeForm }) }),
      resource: resource({ verifyAudience: true }),
      scope: Scope.of(scopeForm === 'prefixed' ? ['crm:read'] : ['crm:read', 'crm:write']),
    });
    const token = unverified(readTokenResponse(asked, success({ scope: answered }), NOW));
    const said = (scope: unknown) => readIntrospectionResponse(asked, token, response(200, JSON.stringify({ ...active, scope })));
    const grantedBy = (scope: unknown) => {
      const outcome = said(scope);
      return outcome.kind === 'token' ? outcome.token.granted.tokens : faultOf(outcome);
    };

    it('is what was granted where nothing is said of them, and no more than is said', () => {
      expect(grantedBy(undefined)).toEqual(token.granted.tokens);
      expect(grantedBy(one)).toEqual(['crm:read']);
      expect(grantedBy(`${one} crm:admin`)).toBe('scope_broader');
      expect(grantedBy('')).toBe('scope_unusable');
      if (scopeForm === 'prefixed') expect(grantedBy(both)).toBe('scope_broader');
      else expect(grantedBy(both)).toEqual(token.granted.tokens);
    });
  });

  it('names its scopes in `scope`, whatever claims of a token name them (RFC 7662 §2.2)', () => {
    const asked = wish({ server: server({ profile: profile({ scopeClaims: ['scp'] }) }), resource: resource({ verifyAudience: true }) });
    const said = (members: object) => readIntrospectionResponse(asked, issued, response(200, JSON.stringify({ ...active, ...members })));
    expect(faultOf(said({ scope: 'crm:read crm:admin' }))).toBe('scope_broader');
    expect(faultOf(said({ scp: ['crm:read', 'crm:admin'] }))).toBe('scope_broader');
    expect(faultOf(said({ scp: ['crm:read'] }))).toBe('none');
  });

  it('may part its scopes by commas where the profile says so, and not elsewhere (Q24)', () => {
    const said = (scopeAnswer: 'commas' | 'standard', scope: string) => {
      const asked = wish({ server: server({ profile: profile({ scopeAnswer }) }), resource: resource({ verifyAudience: true }) });
      return faultOf(readIntrospectionResponse(asked, issued, response(200, JSON.stringify({ ...active, scope }))));
    };
    expect([said('commas', 'crm:read,crm:read'), said('commas', 'crm:read,crm:admin')]).toEqual(['none', 'scope_broader']);
    expect(said('standard', 'crm:read,crm:read')).toBe('scope_broader');
  });

  it('need not say more than for whom it is', () => {
    expect(read({ active: true, aud: [RESOURCE] })).toMatchObject({ kind: 'token', token: { usableUntil: issued.usableUntil } });
  });

  it.each([
    [{ ...active, active: 'true' }],
    [{ ...active, active: 1 }],
    [{ ...active, active: undefined }],
    [{ ...active, active: false }],
    [{ ...active, aud: undefined }],
    [[active]],
  ])('leaves the audience unverified in %j (A92)', (body) => {
    expect(faultOf(read(body))).toBe('audience_unverified');
  });

  it('leaves it unverified with another status, in another type, and without an answer (A92)', () => {
    expect(faultOf(read(active, 401))).toBe('audience_unverified');
    expect(faultOf(read(active, 201))).toBe('audience_unverified');
    expect(faultOf(read(active, 200, { 'content-type': 'text/html' }))).toBe('audience_unverified');
    expect(faultOf(readIntrospectionResponse(insists, issued, new UpstreamExchangeFailed('timeout', true)))).toBe('audience_unverified');
  });

  it.each([
    ['audience_mismatch', { aud: 'https://billing.example/api' }],
    ['audience_mismatch', { aud: [RESOURCE, 'https://billing.example/api'] }],
    ['issuer_mismatch', { iss: 'https://other.example' }],
    ['client_mismatch', { client_id: 'another' }],
    ['scope_broader', { scope: 'crm:read crm:admin' }],
    ['details_broader', { authorization_details: [{ type: 'payment' }] }],
    ['lifetime_unusable', { exp: NOW / 1000 - 1 }],
    ['lifetime_unusable', { exp: NOW / 1000 + 86_400 }],
    ['binding_mismatch', { cnf: { jkt: 'thumbprint' } }],
    ['token_type_unusable', { token_type: 'DPoP' }],
  ])('is refused as %s when it says %j (A92)', (fault, members) => {
    const outcome = read({ ...active, ...members });
    expect(faultOf(outcome)).toBe(fault);
    expect(outcome).toMatchObject({ token: { text: issued.text } });
  });
});
