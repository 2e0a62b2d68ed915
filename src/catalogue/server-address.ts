import ipaddr from 'ipaddr.js';

/**
 * What is wrong with a URL of an authorization server, as a sentence that follows the member's name, or null.
 * https is asked for (CONFORMANCE A6, A72), and an address that others can reach, save for hosts in `allow_hosts` (DESIGN §5).
 * What a name resolves to is checked for each connection, not here.
 */
export function addressProblem(text: string, allowHosts: readonly string[]): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(text))
    return 'must be an absolute URL that begins with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password: remove what stands before the @';
  if (text.includes('#')) return 'must not have a fragment: remove the # and what follows it';
  const host = hostName(url.hostname);
  if (allowHosts.some((allowed) => hostName(allowed) === host)) return null;
  if (url.protocol === 'http:') return `must be https; plain http only when allow_hosts of this server names ${host}`;
  return isLocal(host) ? `is a loopback or private address: such hosts only when allow_hosts of this server names ${host}` : null;
}

/** IPv6 addresses stand in brackets in URLs and without them elsewhere. */
export function hostName(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

function isLocal(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() !== 'unicast';
}
