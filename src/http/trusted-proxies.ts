import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The one header in which the proxies say whom they speak for; the other is whatever a client wrote. */
export type ForwardingHeader = 'x-forwarded-for' | 'forwarded';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Whose word counts about the address that a request comes from (CONFORMANCE B9, B78): for throttling and the security log alone. Host,
 * scheme, path and certificates are never taken from a header.
 */
export class TrustedProxies {
  readonly #ranges: readonly (readonly [address: Address, bits: number])[];

  /** Addresses, or ranges as 10.0.0.0/8. */
  constructor(
    ranges: readonly string[],
    private readonly header: ForwardingHeader,
  ) {
    this.#ranges = ranges.map((range) => {
      if (range.includes('/')) return ipaddr.parseCIDR(range);
      const address = ipaddr.process(range);
      return [address, address.kind() === 'ipv4' ? 32 : 128];
    });
  }

  /**
   * The address that is nearest to us and no trusted proxy's. Each hop is told by the next one, so what stands further left was written by
   * somebody whose word does not count. Where a trusted proxy names no address, it is its own.
   */
  clientOf({ socket, headers }: IncomingMessage): string {
    const peer = parse(socket.remoteAddress ?? '');
    if (peer === null || !this.#trusts(peer)) return socket.remoteAddress ?? '';
    const hops = this.#hops(headers[this.header]);
    let address = peer;
    for (let told = hops.pop(); told !== undefined && this.#trusts(address); told = hops.pop()) {
      const next = parse(told);
      if (next === null) break;
      address = next;
    }
    return address.toString();
  }

  #trusts(address: Address): boolean {
    return this.#ranges.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits));
  }

  /** From the farthest to the nearest, each as it is written. */
  #hops(header: string | string[] | undefined): string[] {
    const elements = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',');
    return elements.map((element) => withoutPort(this.header === 'forwarded' ? forwardedFor(element) : element));
  }
}

/** RFC 7239 §4: pairs with semicolons between, whose values may be quoted. */
const PAIR = /([\w-]+)\s*=\s*(?:"([^"]*)"|([^;"]*))/g;

/**
 * Of an element that names nobody, an empty text; so also of one that is cut by a comma inside quotes, or has escapes: then a client may
 * have opened a quote to swallow what the proxy says.
 */
function forwardedFor(element: string): string {
  if (element.includes('\\') || element.split('"').length % 2 === 0) return '';
  for (const [, name, quoted, token] of element.matchAll(PAIR)) if (name?.toLowerCase() === 'for') return quoted ?? token ?? '';
  return '';
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` too: some proxies say the port. */
function withoutPort(text: string): string {
  const trimmed = text.trim();
  return /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
}

/** An IPv4 address inside an IPv6 one is the IPv4 address. */
function parse(text: string): Address | null {
  return isIP(text) === 0 ? null : ipaddr.process(text);
}
