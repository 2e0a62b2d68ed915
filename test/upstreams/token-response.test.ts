import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import type { UpstreamOutcome } from '../../src/upstreams/token.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { response, success } from './answers.js';
import { inShort, read, tokenOf } from './reading.js';
import { NOW } from './wish.js';

describe('a token response', () => {
  it('is not taken to have said nothing where it could not be read', () => {
    const saysAll = read(success({}, { 'content-type': 'text/html' }));
    const saysNothing = read(success({ expires_in: undefined, token_type: 'other' }));
    const saidOf = (outcome: UpstreamOutcome) => (outcome.kind === 'refused' ? outcome.token?.said : null);
    expect([saidOf(saysAll), saidOf(saysNothing)]).toEqual([undefined, { tokenType: 'other', expiresIn: null }]);
  });

  it('gives a token that is understood', () => {
    const token = tokenOf(read(success()));
    expect(token).toEqual({
      text: token.text,
      sha256: createHash('sha256').update('opaque-token').digest('hex'),
      type: 'Bearer',
      binding: 'none',
      jti: null,
      issuedAt: NOW,
      expiresAt: NOW + 300_000,
      usableUntil: NOW + 297_000,
      granted: Scope.of(['crm:read']),
      grantedDetails: AuthorizationDetails.none,
      audience: 'unverified',
      said: { tokenType: 'Bearer', expiresIn: 300 },
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

describe('no answer', () => {
  it.each(['unreachable', 'address_refused', 'tls_failed', 'timeout'] as const)('to what was not sent is a failure: %s', (fault) => {
    expect(read(new UpstreamExchangeFailed(fault, false))).toEqual({ kind: 'failed', fault, retryAfter: null });
  });

  it.each(['unreachable', 'timeout', 'response_too_large', 'response_unreadable'] as const)(
    'to what was sent leaves open what happened: %s (A61)',
    (fault) => {
      expect(read(new UpstreamExchangeFailed(fault, true))).toEqual({ kind: 'unknown', fault, retryAfter: null });
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
