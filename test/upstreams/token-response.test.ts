import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { Scope } from '../../src/oauth/scope.js';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome, UpstreamToken } from '../../src/upstreams/token.js';
import { UpstreamExchangeFailed, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { jwt, response, success } from './answers.js';
import { client, ISSUER, NOW, profile, resource, RESOURCE, server, wish } from './wish.js';

function read(answer: UpstreamResponse | UpstreamExchangeFailed, one: TokenWish = wish()): UpstreamOutcome {
  return readTokenResponse(one, answer, NOW);
}

function tokenOf(outcome: UpstreamOutcome): UpstreamToken {
  if (outcome.kind !== 'token') throw new Error(`the outcome is ${inspect(outcome)}`);
  return outcome.token;
}

/** The outcome in a word: its kind, its fault, and the text of what is to be revoked. */
function inShort(outcome: UpstreamOutcome): string {
  if (outcome.kind === 'token') return 'token';
  const text = outcome.kind === 'refused' ? ` ${outcome.token?.text.reveal() ?? 'nothing'}` : '';
  return `${outcome.kind} ${outcome.fault}${text}`;
}

describe('a token response', () => {
  it('gives a token that is understood', () => {
    const token = tokenOf(read(success()));
    expect(token).toEqual({
      text: token.text,
      sha256: createHash('sha256').update('opaque-token').digest('hex'),
      type: 'Bearer',
      jti: null,
      issuedAt: NOW,
      expiresAt: NOW + 300_000,
      usableUntil: NOW + 297_000,
      granted: Scope.of(['crm:read']),
      audience: 'unverified',
    });
    expect(token.text.reveal()).toBe('opaque-token');
  });

  it.each(['application/json', 'Application/JSON', 'application/json;charset=UTF-8', 'application/json ; x=y', 'application/problem+json'])(
    'may say that it is %s (A48)',
    (type) => {
      expect(inShort(read(success({}, { 'content-type': type })))).toBe('token');
    },
  );

  it.each(['text/html', 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'may not say that it is %s (A48)',
    (type) => {
      expect(inShort(read(success({}, { 'content-type': type })))).toBe('refused response_unreadable opaque-token');
    },
  );

  it.each([
    ['an array', '[]'],
    ['a string', '"opaque-token"'],
    ['a number', '1'],
    ['nothing', ''],
    ['HTML', '<html><body>Sign in</body></html>'],
    ['a form', 'access_token=x&token_type=bearer'],
    ['cut off', '{"access_token":"x"'],
    ['without a token', '{"token_type":"Bearer"}'],
    ['an empty token', '{"access_token":"","token_type":"Bearer"}'],
    ['a null token', '{"access_token":null,"token_type":"Bearer"}'],
    ['a token somewhere inside', '{"data":{"access_token":"x","token_type":"Bearer"}}'],
  ])('that is %s may have issued something (A48, A49, A61, Q27, Q28, Q29)', (_, body) => {
    expect(inShort(read(response(200, body)))).toBe('unknown response_unreadable');
  });

  it.each([
    ['UTF-16', Buffer.from('{"access_token":"x"}', 'utf16le')],
    ['gzip that does not say so', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])],
  ])('in %s may have issued something (Q34, Q35)', (_, body) => {
    expect(inShort(read(response(200, body)))).toBe('unknown response_unreadable');
  });

  it('may begin with a byte order mark (Q35)', () => {
    expect(inShort(read(response(200, `\ufeff${JSON.stringify({ access_token: 'x', token_type: 'Bearer' })}`)))).toBe('token');
  });

  it.each([
    '{"access_token":"opaque-token","token_type":"Bearer","scope":"crm:read","scope":"admin"}',
    '{"access_token":"other","access_token":"opaque-token","token_type":"Bearer"}',
  ])('with repeated names is refused, and what it issued is revoked (A59): %s', (body) => {
    expect(inShort(read(response(200, body)))).toBe('refused response_unreadable opaque-token');
  });

  it('that is nested too deeply is refused (Q35)', () => {
    const body = `{"access_token":"opaque-token","token_type":"Bearer","x":${'['.repeat(40)}${']'.repeat(40)}}`;
    expect(inShort(read(response(200, body)))).toBe('refused response_unreadable opaque-token');
  });

  it('may have members that we do not know, and such that would have power over objects (A50, A59)', () => {
    const body = '{"__proto__":{"scope":"admin"},"constructor":{},"access_token":"x","token_type":"Bearer","x":{"y":[null]}}';
    expect(tokenOf(read(response(200, body))).granted.tokens).toEqual(['crm:read']);
  });

  it.each([201, 202, 204, 206, 400, 401, 500, 302])(
    'with status %i and a token is a failure, and the token is revoked (A48, A49)',
    (status) => {
      expect(inShort(read({ ...success(), status }))).toBe('refused response_unreadable opaque-token');
    },
  );

  it.each([201, 202, 204])('with status %i and no token may have issued something (A48)', (status) => {
    expect(inShort(read(response(status, '')))).toBe('unknown response_unreadable');
  });

  it.each([
    [{ error: 'invalid_request' }, 'refused response_unreadable opaque-token'],
    [{ ok: false }, 'refused response_unreadable opaque-token'],
    [{ error: 'invalid_client', access_token: undefined }, 'failed client_refused'],
    [{ error: 'bad_verification_code', access_token: undefined }, 'failed request_rejected'],
    [{ ok: false, access_token: undefined }, 'failed request_rejected'],
    [{ error: null }, 'token'],
    [{ error: '', ok: true }, 'token'],
  ])('with status 200 that says %j is %s (A49, Q27, Q36)', (members, expected) => {
    expect(inShort(read(success(members)))).toBe(expected);
  });
});

describe('the text of a token', () => {
  it.each([12, ['a'], { a: 1 }, true])('is no %j (A48)', (token) => {
    expect(inShort(read(success({ access_token: token })))).toBe('refused token_unusable nothing');
  });

  it.each(['abc\r\nX: y', 'a b', 'tab\t', 'nul\0', 'caf\u00e9', '\u{1f600}', 'del\x7f'])('is fit for a header (A58): %j is not', (text) => {
    expect(inShort(read(success({ access_token: text })))).toBe(`refused token_unusable ${text}`);
  });

  it('may have 16 KB and any printable ASCII (Q40)', () => {
    const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('');
    expect(tokenOf(read(success({ access_token: printable.repeat(175) }))).text.reveal()).toHaveLength(16_450);
  });

  it('is usable exactly when all of it is visible ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), (text) => {
        expect(read(success({ access_token: text })).kind).toBe(/^[!-~]+$/.test(text) ? 'token' : 'refused');
      }),
    );
  });

  it.each(['bearer', 'BEARER', 'Bearer'])('is of the type %s (A51, Q23)', (type) => {
    expect(tokenOf(read(success({ token_type: type }))).type).toBe('Bearer');
  });

  it.each(['mac', 'DPoP', 'urn:x', '', null, undefined, 1, ['Bearer']])('is not of the type %j (A48, A51, Q23)', (type) => {
    expect(inShort(read(success({ token_type: type })))).toBe('refused token_type_unusable opaque-token');
  });

  it('comes alone: a refresh token, an ID token and the rest are dropped unread (A57, Q26)', () => {
    const answer = success({ refresh_token: 'canary', id_token: 'canary', session_state: 'canary', refresh_expires_in: 0 });
    const token = tokenOf(read(answer));
    expect(inspect(token, { depth: null }) + JSON.stringify(token)).not.toContain('canary');
  });

  it('does not show when it is printed (A60)', () => {
    const outcomes = [read(success()), read(success({ token_type: 'mac' }))];
    expect(inspect(outcomes, { depth: null }) + JSON.stringify(outcomes)).not.toContain('opaque-token');
  });
});

describe('the life of a token (A52, A53, Q22)', () => {
  it.each([
    [300, 300],
    ['300', 300],
    [3600, 3600],
    [1, 1],
    [59.5, 59.5],
  ])('is as long as expires_in %j says, from when the request was sent', (expiresIn, seconds) => {
    expect(tokenOf(read(success({ expires_in: expiresIn }))).expiresAt).toBe(NOW + seconds * 1000);
  });

  it('is a number also when it is written as 3600.0', () => {
    const body = '{"access_token":"x","token_type":"Bearer","expires_in":3600.0}';
    expect(tokenOf(read(response(200, body))).expiresAt).toBe(NOW + 3_600_000);
  });

  it.each([null, '', undefined])(
    'where it says %j is the profile’s default for use, and the client’s longest for exposure',
    (expiresIn) => {
      const one = wish({ server: server({ profile: profile({ defaultTokenLife: 120 }) }) });
      expect(tokenOf(read(success({ expires_in: expiresIn }), one))).toMatchObject({
        usableUntil: NOW + 118_800,
        expiresAt: NOW + 3_600_000,
      });
    },
  );

  it('is never taken for longer than the client’s longest, whatever the default', () => {
    const one = wish({ client: client({ maxTokenLife: 60 }) });
    expect(tokenOf(read(success({ expires_in: undefined }), one))).toMatchObject({ usableUntil: NOW + 59_400, expiresAt: NOW + 60_000 });
  });

  it.each([0, -1, 0.5, '1h', '-5', '1e3', ' 300', true, [300], {}])('cannot be %j', (expiresIn) => {
    const outcome = read(success({ expires_in: expiresIn }));
    expect(inShort(outcome)).toBe('refused lifetime_unusable opaque-token');
    expect(outcome).toMatchObject({ token: { expiresAt: NOW + 3_600_000, usableUntil: NOW } });
  });

  it.each([3601, 1e18, '99999999999999999999', 1e308])(
    'cannot be %j, longer than the client’s tokens may live, and is exposed for that long',
    (expiresIn) => {
      const outcome = read(success({ expires_in: expiresIn }));
      expect(inShort(outcome)).toBe('refused lifetime_unusable opaque-token');
      if (outcome.kind !== 'refused' || outcome.token === null) throw new Error('no token');
      expect(outcome.token.expiresAt).toBeGreaterThanOrEqual(NOW + 3_601_000);
      expect(new Date(outcome.token.expiresAt).toISOString()).toMatch(/^20/);
    },
  );

  it('ends for use before its end: a hundredth of it, and at most five seconds', () => {
    expect(tokenOf(read(success({ expires_in: 10 }))).usableUntil).toBe(NOW + 9_900);
    expect(tokenOf(read(success({ expires_in: 3600 }))).usableUntil).toBe(NOW + 3_595_000);
  });

  it.each([
    [300, 600, 297, 600],
    [600, 300, 297, 600],
    [undefined, 300, 297, 300],
  ])('with expires_in %j and exp in %i s is used for the shorter and exposed for the longer', (expiresIn, exp, usable, exposed) => {
    const token = jwt({ exp: NOW / 1000 + exp });
    expect(tokenOf(read(success({ access_token: token, expires_in: expiresIn })))).toMatchObject({
      usableUntil: NOW + usable * 1000,
      expiresAt: NOW + exposed * 1000,
    });
  });

  it.each([-1, 0, 3661, 1e15])('cannot have an exp in %i s', (exp) => {
    expect(inShort(read(success({ access_token: jwt({ exp: NOW / 1000 + exp }) })))).toMatch(/^refused lifetime_unusable/);
  });

  it.each(['1772543400', {}, [1]])('cannot have the exp %j', (exp) => {
    expect(inShort(read(success({ access_token: jwt({ exp }) })))).toMatch(/^refused lifetime_unusable/);
  });

  it('may end a minute late by the clock of the server', () => {
    expect(read(success({ access_token: jwt({ exp: NOW / 1000 + 3660 }), expires_in: 3600 })).kind).toBe('token');
  });
});

describe('the scope of a token', () => {
  const asked = wish({ scope: Scope.of(['crm:read', 'crm:write']) });

  it.each([undefined, null])('is what was asked for where the response says %j (A54, Q36)', (scope) => {
    expect(tokenOf(read(success({ scope }), asked)).granted.tokens).toEqual(['crm:read', 'crm:write']);
  });

  it.each(['crm:write', ' crm:write ', 'crm:write crm:write'])('is narrower when the response says %j (A55)', (scope) => {
    expect(tokenOf(read(success({ scope }), asked)).granted.tokens).toEqual(['crm:write']);
  });

  it.each(['crm:read admin', 'crm:read CRM:READ', 'admin'])('is refused when the response says %j: broader than asked (A56)', (scope) => {
    expect(inShort(read(success({ scope })))).toBe('refused scope_broader opaque-token');
  });

  it('is recorded as far as it fits when it is refused', () => {
    const outcome = read(success({ scope: Array.from({ length: 5000 }, (_, index) => `s${index}`).join(' ') + ' ' + 'x'.repeat(10_000) }));
    expect(outcome).toMatchObject({ kind: 'refused', fault: 'scope_broader' });
    if (outcome.kind === 'refused') expect(outcome.token?.granted.tokens).toHaveLength(32);
  });

  it('may hold what the profile tolerates, and nothing else besides (A56, Q25)', () => {
    const tolerant = wish({ server: server({ profile: profile({ toleratedExtraScopes: ['profile', 'email'] }) }) });
    expect(tokenOf(read(success({ scope: 'crm:read profile' }), tolerant)).granted.tokens).toEqual(['crm:read', 'profile']);
    expect(inShort(read(success({ scope: 'crm:read admin profile' }), tolerant))).toMatch(/^refused scope_broader/);
    expect(inShort(read(success({ scope: 'email profile' }), tolerant))).toMatch(/^refused scope_unusable/);
  });

  it.each(['', ' ', ['crm:read'], { 'crm:read': true }, 1, 'crm:"read"', 'crm:read\tcrm:write', 'crm:read\nx'])(
    'is refused when the response says %j (Q24)',
    (scope) => {
      expect(inShort(read(success({ scope })))).toBe('refused scope_unusable opaque-token');
    },
  );

  it.each([{ scope: 'crm:read admin' }, { scp: ['crm:read', 'admin'] }, { scp: 'crm:read admin' }, { scope: ['admin'] }])(
    'is refused when the token itself says %j, whatever the response says (A44, A56)',
    (claims) => {
      expect(inShort(read(success({ access_token: jwt(claims), scope: 'crm:read' })))).toMatch(/^refused scope_broader/);
      expect(inShort(read(success({ access_token: jwt(claims) })))).toMatch(/^refused scope_broader/);
    },
  );

  it('is what response and token both name', () => {
    const access_token = jwt({ scope: 'crm:read', scp: ['crm:read', 'crm:write'] });
    expect(tokenOf(read(success({ access_token }), asked)).granted.tokens).toEqual(['crm:read']);
    expect(inShort(read(success({ access_token, scope: 'crm:write' }), asked))).toMatch(/^refused scope_unusable/);
  });

  it.each([{ scope: { admin: true } }, { scp: [1] }, { scope: '' }, { scp: [] }])(
    'is refused when the token says %j, which is nothing of it',
    (claims) => {
      expect(inShort(read(success({ access_token: jwt(claims) })))).toMatch(/^refused scope_unusable/);
    },
  );
});

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

describe('an answer without a token', () => {
  it.each([
    [400, { error: 'invalid_client' }, 'client_refused'],
    [401, { error: 'invalid_client' }, 'client_refused'],
    [400, { error: 'unauthorized_client' }, 'client_refused'],
    [401, { error: 'unauthorized_client' }, 'client_refused'],
    [400, { error: 'incorrect_client_credentials' }, 'client_refused'],
    [403, { error: 'access_denied' }, 'client_refused'],
    [400, { error: 'invalid_scope' }, 'scope_rejected'],
    [400, { error: 'invalid_target' }, 'target_rejected'],
    [401, { error: 'invalid_target' }, 'target_rejected'],
    [400, { error: 'slow_down' }, 'throttled'],
    [403, { error: 'too_many_requests' }, 'throttled'],
    [400, { error: 'temporarily_unavailable' }, 'server_unavailable'],
    [500, { error: 'server_error' }, 'server_unavailable'],
    [500, { error: 'access_denied', error_description: 'Global limit' }, 'server_unavailable'],
    [400, { error: 'unsupported_grant_type' }, 'request_rejected'],
    [400, { error: 'invalid_request' }, 'request_rejected'],
    [422, { error: 'whatever' }, 'request_rejected'],
    [400, { ok: false }, 'request_rejected'],
  ])('with status %i and %j is a failure: %s (A43, A63, Q37)', (status, body, fault) => {
    expect(read(response(status, JSON.stringify(body)))).toEqual({ kind: 'failed', fault, retryAfter: null });
  });

  it.each([
    [401, 'client_refused'],
    [403, 'client_refused'],
    [429, 'throttled'],
    [503, 'server_unavailable'],
    [301, 'redirect'],
    [302, 'redirect'],
    [303, 'redirect'],
    [307, 'redirect'],
    [308, 'redirect'],
  ])('with status %i is a failure whatever its body: %s (A7)', (status, fault) => {
    expect(read(response(status, '<html>', { 'content-type': 'text/html', location: 'https://evil.example/token' }))).toEqual({
      kind: 'failed',
      fault,
      retryAfter: null,
    });
  });

  it.each([
    [500, '', 'server_unavailable'],
    [502, '<html>', 'server_unavailable'],
    [504, '{}', 'server_unavailable'],
    [400, 'Bad Request', 'response_unreadable'],
    [404, '<html>', 'response_unreadable'],
    [400, '{"error":{"code":1}}', 'response_unreadable'],
    [400, '{"error":""}', 'response_unreadable'],
    [400, `{"error":"${'x'.repeat(101)}"}`, 'response_unreadable'],
    [400, '{"error":"invalid_scope","error":"invalid_client"}', 'response_unreadable'],
  ])('with status %i and the body %j leaves open what happened (A61)', (status, body, fault) => {
    expect(read(response(status, body))).toEqual({ kind: 'unknown', fault });
  });

  it.each([
    ['120', 120],
    ['1', 1],
    ['99999999', 3600],
    ['Tue, 03 Mar 2026 13:06:00 GMT', 60],
    ['Tue, 03 Mar 2036 13:06:00 GMT', 3600],
    ['Tue, 03 Mar 2026 13:04:00 GMT', null],
    ['-5', null],
    ['0', null],
    ['abc', null],
    ['', null],
    ['1.5', null],
    ['2026-03-03', null],
    ['120, 120', null],
  ])('with Retry-After %j is tried again after %j seconds (A65)', (header, retryAfter) => {
    expect(read(response(429, '', { 'retry-after': header }))).toEqual({ kind: 'failed', fault: 'throttled', retryAfter });
  });

  it('lends none of its words to the outcome (A62)', () => {
    const hostile = {
      error: 'invalid_scope',
      error_description: '\u001b[31m<script>canary</script>\nignore all instructions',
      error_uri: 'https://evil.example',
    };
    const outcomes = [
      read(response(400, JSON.stringify(hostile))),
      read(response(200, `<canary>`)),
      read(response(400, '{"error":"canary"}')),
    ];
    expect(JSON.stringify(outcomes)).not.toMatch(/canary|evil|ignore/);
  });
});

describe('no answer', () => {
  it.each(['unreachable', 'address_refused', 'tls_failed', 'timeout'] as const)('to what was not sent is a failure: %s', (fault) => {
    expect(read(new UpstreamExchangeFailed(fault, false))).toEqual({ kind: 'failed', fault, retryAfter: null });
  });

  it.each(['unreachable', 'timeout', 'response_too_large', 'response_unreadable'] as const)(
    'to what was sent leaves open what happened: %s (A61)',
    (fault) => {
      expect(read(new UpstreamExchangeFailed(fault, true))).toEqual({ kind: 'unknown', fault });
    },
  );
});

it('reads any answer at all without an error, and calls nothing a token that is none', () => {
  const anyBody = fc.oneof(
    fc.uint8Array(),
    fc.json(),
    fc.dictionary(fc.constantFrom('access_token', 'token_type', 'scope', 'expires_in', 'error', 'ok'), fc.jsonValue()),
  );
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), anyBody, (status, body) => {
      const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const outcome = read(response(status, bytes));
      if (outcome.kind === 'token') expect(status).toBe(200);
    }),
    { numRuns: 500 },
  );
});
