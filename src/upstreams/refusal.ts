import { standardProfile, type Throttling } from '../catalogue/profile.js';
import { errorCodeOf, readMembers } from './answer-body.js';
import { nonceOf } from './proofs-of-possession.js';
import { retryAfter } from './retry-after.js';
import type { UpstreamFault, UpstreamOutcome } from './token.js';
import type { UpstreamResponse } from './upstream-http.js';

/** What error codes mean, the registered ones and those that servers made up (RFC 6749 §5.2, RFC 8707 §2, RFC 9396 §5, CONFORMANCE Q37). */
const faultOfCode: ReadonlyMap<string, UpstreamFault> = new Map([
  ['invalid_client', 'client_refused'],
  ['unauthorized_client', 'client_refused'],
  ['incorrect_client_credentials', 'client_refused'],
  ['bad_client_secret', 'client_refused'],
  ['invalid_client_id', 'client_refused'],
  ['invalid_client_secret', 'client_refused'],
  ['invalid_client_credentials', 'client_refused'],
  // with this grant there is no other grant than the client's own credential (CONFORMANCE Q38)
  ['invalid_grant', 'client_refused'],
  ['invalid_scope', 'scope_rejected'],
  ['invalid_target', 'target_rejected'],
  ['invalid_authorization_details', 'details_rejected'],
  ['slow_down', 'throttled'],
  ['too_many_requests', 'throttled'],
  ['temporarily_unavailable', 'server_unavailable'],
  ['server_error', 'server_unavailable'],
]);

/**
 * Understands a response without a token, of whatever status: the server's refusal, or no answer that tells whether a token was
 * issued (CONFORMANCE A61). Its descriptions are not read (A62). `now` in milliseconds.
 */
export function readRefusal(
  response: UpstreamResponse,
  now: number,
  throttling: Throttling = standardProfile.throttling,
): Extract<UpstreamOutcome, { kind: 'failed' | 'unknown' }> {
  const fault = faultOf(response);
  const said = retryAfter(response.headers['retry-after'], now);
  if (fault === null) {
    return { kind: 'unknown', fault: response.status >= 500 ? 'server_unavailable' : 'response_unreadable', retryAfter: said };
  }
  return { kind: 'failed', fault, retryAfter: said ?? (fault === 'throttled' ? pauseOf(response, throttling, now) : null) };
}

/** How long a server that is asked too often is to be left alone, in seconds, when it does not say so as RFC 9110 does (CONFORMANCE Q30). */
function pauseOf({ headers }: UpstreamResponse, { resetHeader, pause }: Throttling, now: number): number | null {
  const reset = resetHeader === null ? undefined : headers[resetHeader];
  if (reset === undefined || !/^[0-9]{1,12}$/.test(reset)) return pause;
  return retryAfter(String(Math.ceil(Number(reset) - now / 1000)), now) ?? pause;
}

function faultOf(response: UpstreamResponse): UpstreamFault | null {
  const { status, body } = response;
  if (status >= 300 && status < 400) return 'redirect';
  if (status === 429) return 'throttled';
  if (status === 503) return 'server_unavailable';
  const members = readMembers(body);
  const code = errorCodeOf(members);
  // RFC 9449 §8: without a nonce there is nothing to try again with
  if (code === 'use_dpop_nonce' && nonceOf(response) !== null) return 'nonce_required';
  const known = code === null ? undefined : faultOfCode.get(code);
  if (known !== undefined) return known;
  // the client is known, and may have nothing for this audience (Auth0); with 401 the same code says that it is not
  if (status === 403 && code === 'access_denied') return 'target_rejected';
  if (status === 401 || status === 403) return 'client_refused';
  if (code === null && members?.get('ok') !== false) return null;
  return status >= 500 ? 'server_unavailable' : 'request_rejected';
}
