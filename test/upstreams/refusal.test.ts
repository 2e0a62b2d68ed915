import { response } from './answers.js';
import { read } from './reading.js';

describe('an answer without a token', () => {
  it.each([
    [400, { error: 'invalid_client' }, 'client_refused'],
    [401, { error: 'invalid_client' }, 'client_refused'],
    [400, { error: 'unauthorized_client' }, 'client_refused'],
    [401, { error: 'unauthorized_client' }, 'client_refused'],
    [400, { error: 'incorrect_client_credentials' }, 'client_refused'],
    [400, { error: 'invalid_grant' }, 'client_refused'],
    [400, { error: 'invalid_client_id' }, 'client_refused'],
    [400, { error: 'invalid_client_secret' }, 'client_refused'],
    [400, { error: 'invalid_client_credentials' }, 'client_refused'],
    [401, { error: 'access_denied' }, 'client_refused'],
    [403, { error: 'access_denied' }, 'target_rejected'],
    [400, { error: 'invalid_scope' }, 'scope_rejected'],
    [400, { error: 'invalid_target' }, 'target_rejected'],
    [401, { error: 'invalid_target' }, 'target_rejected'],
    [400, { error: 'invalid_authorization_details' }, 'details_rejected'],
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
    expect(read(response(status, body))).toEqual({ kind: 'unknown', fault, retryAfter: null });
    expect(read(response(status, body, { 'retry-after': '120' }))).toEqual({ kind: 'unknown', fault, retryAfter: 120 });
  });

  it.each([
    ['120', 120],
    ['1', 1],
    ['99999999', 3600],
    ['9'.repeat(400), 3600],
    ['Tuesday, 03-Mar-26 13:06:00 GMT', 60],
    ['Tue Mar  3 13:06:00 2026', 60],
    ['Tue, 99 Foo 2026 13:06:00 GMT', null],
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
