/**
 * What every answer says unless its route says otherwise: nothing here is a page, is kept by a cache, or is anybody's to embed. There are
 * no CORS headers, so that scripts of other origins read nothing (CONFORMANCE B11).
 */
export function securityHeaders(https: boolean): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    // RFC 6797 §7.2: only over https; a browser that sees it elsewhere does not heed it
    ...(https ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}
