/** Whether this is of the OAuth endpoints, where every error is OAuth JSON. */
export function isOAuthPath(url: string): boolean {
  return url.startsWith('/oauth2/') || url === '/oauth2';
}
