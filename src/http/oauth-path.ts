/** Whether a request target lies under the OAuth endpoints. */
export function isOAuthPath(target: string): boolean {
  const path = pathOf(target);
  return path === '/oauth2' || path.startsWith('/oauth2/');
}

/**
 * The path of a request target, without its query. The router finds routes also for targets in absolute form (RFC 9112 §3.2.2)
 * and behind escapes, so both are undone here too.
 */
export function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
