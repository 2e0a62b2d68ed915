import ipaddr from 'ipaddr.js';

/** IANA has given out global unicast addresses from here alone (RFC 4291 §2.4); the rest is special or not yet anything. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by number, but answered inside a cloud's network: Azure's metadata and agent address. */
const CLOUD_INTERNAL = new Set(['168.63.129.16']);

/**
 * Whether an address belongs to a host on the public internet: global unicast, and none of the loopback, private, link-local,
 * shared, multicast, documentation, benchmarking, reserved or translated ranges (CONFORMANCE A8). An IPv4 address inside an
 * IPv6 one counts as the IPv4 address when it is mapped; other embeddings (6to4, NAT64, Teredo, compatible) are never public.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  if (address instanceof ipaddr.IPv6) return address.match(GLOBAL_UNICAST);
  return !CLOUD_INTERNAL.has(address.toString());
}
