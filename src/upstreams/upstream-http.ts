import type { AuthorizationServer } from '../catalogue/catalogue.js';
import type { Secret } from '../oauth/secret.js';

/** What a connection shows of one version of a client's credential (RFC 8705 §2), in PEM. */
export interface ClientCertificate {
  readonly client: string;
  /** The credential's id. No two versions ever share a connection (RFC 8705 §6.3, CONFORMANCE A30). */
  readonly version: string;
  readonly key: Secret;
  /** The certificate itself, and then those of its issuers. */
  readonly chain: string;
}

/** Where an exchange may go, and whom it takes for its server. */
export interface Reach {
  /** Hosts for which plain http, loopback and private addresses are accepted. */
  readonly allowHosts: readonly string[];
  /** Certificates of the only authorities to trust, in PEM; absent: those of the system. */
  readonly authorities?: string;
  /** Which of the catalogue's authorization servers it is: servers share no connection, also where they share a host. */
  readonly server?: string;
}

/** As far as the catalogue lets requests to this server go; for every kind of request alike. */
export function reachOf({ id, allowHosts, ca }: Pick<AuthorizationServer, 'id' | 'allowHosts' | 'ca'>): Reach {
  return { server: id, allowHosts, ...(ca !== undefined && { authorities: ca.pem }) };
}

/** What an upstream server is asked for. */
export type UpstreamRequestKind = 'token' | 'revocation' | 'introspection' | 'metadata' | 'keys' | 'resource_metadata';

/** One exchange with an upstream server. Durations in milliseconds, sizes in bytes of the decoded body. */
export interface UpstreamRequest extends Reach {
  /** Token requests have connections of their own, so that nothing else waits behind those that hang. */
  readonly kind?: UpstreamRequestKind;
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly deadline: number;
  readonly maxBody: number;
  /** Shown to the server if it asks for one. */
  readonly certificate?: ClientCertificate;
}

export interface UpstreamResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The exchange did not end with a response. `sent` tells whether the server may have acted on the request. */
export class UpstreamExchangeFailed extends Error {
  constructor(
    readonly fault:
      'unreachable' | 'address_refused' | 'tls_failed' | 'timeout' | 'response_too_large' | 'response_unreadable' | 'overloaded',
    readonly sent: boolean,
    options?: ErrorOptions,
  ) {
    super(fault, options);
    this.name = 'UpstreamExchangeFailed';
  }
}

/** Whether the catalogue allows the host of this URL at any address. An IPv6 address is named there with brackets or without. */
export function isAllowedHost(url: URL, allowHosts: readonly string[]): boolean {
  const host = withoutBrackets(url.hostname);
  return allowHosts.some((allowed) => withoutBrackets(allowed.toLowerCase()) === host);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/**
 * The only way to an upstream server.
 *
 * It MUST connect to an address that was checked for this connection (CONFORMANCE A8), verify TLS, follow no redirect,
 * hold the whole exchange to the deadline and the body to its limit, and reject with UpstreamExchangeFailed alone.
 */
export abstract class UpstreamHttp {
  abstract exchange(request: UpstreamRequest): Promise<UpstreamResponse>;
}
