import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

/** A certificate with the chain that belongs to it, and its key; PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** What one connection may take (CONFORMANCE B8; docs/operate.md has the table). Bytes, milliseconds and a number. */
export interface ConnectionLimits {
  /** All header lines of a request together. */
  readonly headers: number;
  /** From the first byte of a request to the last of its headers, and to the last of its body. */
  readonly request: number;
  /** While nothing moves on a connection with a request under way: whoever does not read its answer is cut off too. */
  readonly idle: number;
  /** Between two requests; longer than balancers keep theirs, or they would send one into a connection that is being closed. */
  readonly keepAlive: number;
  /** Requests on one connection: then it is closed, so that long-lived ones spread over new processes. */
  readonly requests: number;
  readonly handshake: number;
  /** How often is looked for connections that are too slow. */
  readonly look: number;
}

export const connectionLimits: ConnectionLimits = {
  headers: 16_384,
  request: 10_000,
  idle: 30_000,
  keepAlive: 72_000,
  requests: 10_000,
  handshake: 10_000,
  look: 1_000,
};

/** TLS 1.2 with forward secrecy and authenticated encryption alone (RFC 9325 §4.2), or 1.3. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** A server by https with this pair, or by plain http: for a proxy that ends TLS, or on loopback. */
export function openServer(listener: RequestListener, tls: TlsPair | null, limits: ConnectionLimits = connectionLimits): Server {
  const options: ServerOptions = {
    maxHeaderSize: limits.headers,
    headersTimeout: limits.request,
    requestTimeout: limits.request,
    keepAliveTimeout: limits.keepAlive,
    // Node looks every 30 seconds by itself, so that a slow client would have a minute
    connectionsCheckingInterval: limits.look,
    // Node's own answer would have no words: furnish() looks for the header
    requireHostHeader: false,
  };
  const server: Server =
    tls === null
      ? createHttpServer(options, listener)
      : createHttpsServer({ ...options, ...secureContext(tls), handshakeTimeout: limits.handshake }, listener);
  server.setTimeout(limits.idle);
  server.maxRequestsPerSocket = limits.requests;
  // an expectation that nobody knows is let be (RFC 9110 §10.1.1), for the same reason
  server.on('checkExpectation', listener);
  return server;
}

/** New connections are served with this pair; those that stand go on as they are. */
export function replacePair(server: Server, pair: TlsPair): void {
  if (server instanceof HttpsServer) server.setSecureContext(secureContext(pair));
}

function secureContext({ cert, key }: TlsPair): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ciphers: CIPHERS };
}
