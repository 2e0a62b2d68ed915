import { hash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { ClientCertificate, UpstreamRequest } from '../upstreams/upstream-http.js';
import { checkedConnections, type ConnectionOptions } from './checked-connections.js';
import { isPublicAddress } from './public-address.js';

/** Sets of connections that are kept; the one that was not used for longest is closed first. */
const KEPT = 256;

interface Pool {
  readonly connections: Dispatcher;
  readonly certificate: ClientCertificate | undefined;
}

/**
 * Connections by what they may be used for, and never for anything else: to one authorization server, for tokens or for the rest; to
 * addresses that were checked, or to hosts that the catalogue allows at any address; trusting these authorities; showing this version of
 * this client's certificate. Each set has its own TLS
 * sessions, so that none is resumed in another's name. Once a client shows a new version, the connections of its others are dropped
 * as soon as they are not in use (RFC 8705 §6.3, CONFORMANCE A30).
 */
export class ConnectionPools {
  readonly #pools = new Map<string, Pool>();

  constructor(private readonly options: ConnectionOptions) {}

  get(request: UpstreamRequest, allowed: boolean): Dispatcher {
    const { authorities, certificate } = request;
    const trust = authorities === undefined ? '' : hash('sha256', authorities);
    const key = [useOf(request), allowed ? 'allowed' : 'checked', trust, certificate?.version ?? ''].join(' ');
    const pool = this.#pools.get(key) ?? this.#open(authorities, certificate, allowed);
    this.#pools.delete(key);
    this.#pools.set(key, pool);
    const [oldest] = this.#pools.keys();
    if (this.#pools.size > KEPT && oldest !== undefined) this.#drop(oldest);
    return pool.connections;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ connections }) => connections.destroy()));
  }

  #open(authorities: string | undefined, certificate: ClientCertificate | undefined, allowed: boolean): Pool {
    for (const [key, { certificate: other }] of this.#pools) {
      if (other !== undefined && other.client === certificate?.client && other.version !== certificate.version) this.#drop(key);
    }
    const options = {
      ...this.options,
      ...(authorities !== undefined && { authorities }),
      ...(certificate !== undefined && { certificate: { key: certificate.key.reveal(), chain: certificate.chain } }),
    };
    return { connections: checkedConnections(options, allowed ? () => true : isPublicAddress), certificate };
  }

  /** What is under way on them comes to its end. */
  #drop(key: string): void {
    const pool = this.#pools.get(key);
    this.#pools.delete(key);
    void pool?.connections.close().catch(() => undefined);
  }
}

/** What shares connections, and bounds: token requests to one authorization server, or whatever else is asked of it. */
export function useOf({ server, kind }: UpstreamRequest): string {
  return `${server ?? ''} ${kind === 'token' ? 'token' : 'other'}`;
}
