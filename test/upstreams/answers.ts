import type { UpstreamResponse } from '../../src/upstreams/upstream-http.js';

/** A response as it would come off the wire. */
export function response(status: number, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): UpstreamResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? Buffer.from(body, 'utf8') : body,
  };
}

/** A successful token response with these members besides or instead; an undefined one is left out. */
export function success(members: Readonly<Record<string, unknown>> = {}, headers: Readonly<Record<string, string>> = {}): UpstreamResponse {
  return response(200, JSON.stringify({ access_token: 'opaque-token', token_type: 'Bearer', expires_in: 300, ...members }), headers);
}

/** A JWT with these claims, and a signature that nobody checks. */
export function jwt(claims: unknown, header: unknown = { alg: 'ES256', typ: 'JWT' }): string {
  return [header, claims]
    .map((part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'))
    .concat('c2lnbmF0dXJl')
    .join('.');
}
