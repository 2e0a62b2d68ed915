import type { TokenWish, UpstreamOutcome } from '../../src/upstreams/token.js';
import { jwt, success } from './answers.js';
import { inShort, read, tokenOf } from './reading.js';
import { ISSUER, NOW, profile, resource, RESOURCE, server, wish } from './wish.js';

describe('the claims of a token (A44)', () => {
  function withClaims(claims: Readonly<Record<string, unknown>>, one?: TokenWish): UpstreamOutcome {
    return read(success({ access_token: jwt(claims) }), one);
  }

  it.each([RESOURCE, [RESOURCE], [RESOURCE, RESOURCE]])('may name the resource as its audience: %j', (aud) => {
    expect(tokenOf(withClaims({ aud })).audience).toEqual([RESOURCE]);
  });

  it('may name it with a slash after an origin, or without (Q21)', () => {
    const one = wish({ resource: resource({ uri: 'https://crm.example' }) });
    expect(tokenOf(withClaims({ aud: 'https://crm.example/' }, one)).audience).toEqual(['https://crm.example/']);
  });

  it.each([
    'account',
    'https://billing.example/api',
    'https://crm.example/api/',
    'https://crm.example',
    [RESOURCE, 'https://billing.example/api'],
    [RESOURCE, 'account'],
    12,
    [RESOURCE, 1],
    { aud: RESOURCE },
  ])('may not name another audience: %j', (aud) => {
    expect(inShort(withClaims({ aud }))).toMatch(/^refused audience_mismatch ey/);
  });

  it('are compared where the server takes no resource, too', () => {
    const one = wish({ server: server({ profile: profile({ resourceParameter: null }) }) });
    expect(inShort(withClaims({ aud: 'account' }, one))).toMatch(/^refused audience_mismatch/);
  });

  it('of a foreign audience are recorded as far as they can be', () => {
    const outcome = withClaims({ aud: ['nul\0', 'x'.repeat(600), ...Array.from({ length: 100 }, (_, index) => `a${index}`)] });
    expect(outcome).toMatchObject({ kind: 'refused', token: { audience: ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'] } });
  });

  it.each([{}, { aud: null }, { aud: [] }])('that name none leave it unverified: %j', (claims) => {
    expect(tokenOf(withClaims(claims)).audience).toBe('unverified');
  });

  it.each([
    ['opaque', 'opaque-token'],
    ['a JWT without audience', jwt({ iss: ISSUER })],
    ['an unsigned JWT', jwt({ aud: RESOURCE }, { alg: 'none' })],
  ])('that leave it unverified are refused by a resource that insists: %s', (_, access_token) => {
    const insists = wish({ resource: resource({ verifyAudience: true }) });
    expect(inShort(read(success({ access_token }), insists))).toBe(`refused audience_unverified ${access_token}`);
    expect(read(success({ access_token })).kind).toBe('token');
  });

  it('that name it satisfy a resource that insists', () => {
    expect(withClaims({ aud: RESOURCE }, wish({ resource: resource({ verifyAudience: true }) })).kind).toBe('token');
  });

  it.each(['https://other.example', `${ISSUER}/`, 1, null])('may not name another issuer: %j', (iss) => {
    expect(inShort(withClaims({ iss }))).toMatch(/^refused issuer_mismatch/);
  });

  it.each([{ client_id: 'other' }, { azp: 'other' }, { client_id: 'corridor-indexer', azp: 'other' }, { client_id: ['corridor-indexer'] }])(
    'may not name another client: %j',
    (claims) => {
      expect(inShort(withClaims(claims))).toMatch(/^refused client_mismatch/);
    },
  );

  it('that are as they should be make a token, whose jti is kept', () => {
    const claims = {
      iss: ISSUER,
      client_id: 'corridor-indexer',
      azp: 'corridor-indexer',
      aud: RESOURCE,
      scope: 'crm:read',
      jti: 'j1',
      exp: NOW / 1000 + 300,
    };
    expect(tokenOf(withClaims(claims))).toMatchObject({ jti: 'j1', audience: [RESOURCE], expiresAt: NOW + 300_000 });
  });

  it.each([1, null, '', 'x'.repeat(257), 'nul\0', '\u{1f600}'])('with the jti %j keep none, since it could not be recorded', (jti) => {
    expect(tokenOf(withClaims({ jti })).jti).toBeNull();
  });

  it.each([
    ['parts that are no JSON', 'abc.def.ghi'],
    ['an array', jwt([])],
    ['no algorithm', jwt({ aud: 'other' }, {})],
    ['the algorithm none', jwt({ aud: 'other' }, { alg: 'None' })],
    ['five parts', `${jwt({ aud: 'other' })}.a.b`],
    ['two parts', jwt({ aud: 'other' }).split('.').slice(0, 2).join('.')],
  ])('are not looked for in a text with %s, which is opaque', (_, access_token) => {
    expect(tokenOf(read(success({ access_token })))).toMatchObject({ audience: 'unverified', jti: null });
  });

  it('that repeat a name could be understood in two ways, and are refused', () => {
    const access_token = jwt(`{"aud":"${RESOURCE}","aud":"https://evil.example"}`);
    expect(inShort(read(success({ access_token })))).toBe(`refused token_unusable ${access_token}`);
  });
});
