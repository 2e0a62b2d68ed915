import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** A request as it arrived, nothing interpreted. */
export interface SeenRequest {
  readonly method: string;
  /** The request target: path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** What it does with one request, after it has read it. */
export type Behaviour = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export interface HostileServerOptions {
  /** Speaks TLS with this key and certificate, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The name by which it calls itself; it listens on 127.0.0.1 in any case. */
  readonly host?: string;
}

/** An authorization server that does as it is told, however wrong, and remembers every request. Its paths are 404 until scripted. */
export class HostileAuthorizationServer {
  readonly requests: SeenRequest[] = [];
  /** Connections that were accepted, whether or not anything was said on them. */
  connections = 0;
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    /** Its origin, and its issuer unless the test says otherwise. */
    readonly issuer: string,
  ) {}

  static async start({ tls, host = '127.0.0.1' }: HostileServerOptions = {}): Promise<HostileAuthorizationServer> {
    const server = tls === undefined ? createServer() : createSecureServer(tls);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const hostile = new HostileAuthorizationServer(server, `${tls === undefined ? 'http' : 'https'}://${host}:${port}`);
    server.on('connection', (socket: Socket) => hostile.#accept(socket));
    server.on('request', (request, response) => void hostile.#answer(request, response));
    server.on('tlsClientError', () => {});
    return hostile;
  }

  get tokenEndpoint(): string {
    return `${this.issuer}/token`;
  }

  get revocationEndpoint(): string {
    return `${this.issuer}/revoke`;
  }

  /** Says what happens at a path from now on; the query has no say. */
  at(path: string, behaviour: Behaviour): this {
    this.#behaviours.set(path, behaviour);
    return this;
  }

  /** Publishes its metadata where RFC 8414 §3.1 puts it, with these members besides or instead. */
  publish(members: Readonly<Record<string, unknown>> = {}): this {
    const document = { issuer: this.issuer, token_endpoint: this.tokenEndpoint, revocation_endpoint: this.revocationEndpoint, ...members };
    return this.at('/.well-known/oauth-authorization-server', json(document));
  }

  /** The requests that arrived at a path. */
  requestsAt(path: string): readonly SeenRequest[] {
    return this.requests.filter((request) => request.target.split('?')[0] === path);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers, rawHeaders } = incoming;
    const body = (await buffer(incoming)).toString('utf8');
    const request: SeenRequest = { method, target: url, headers, rawHeaders, body };
    this.requests.push(request);
    response.on('error', () => {});
    await (this.#behaviours.get(url.split('?')[0] ?? '') ?? text('not found', 404))(response, request);
  }
}

/** Answers with JSON: a value, or a text that is sent as it is, be it wrong. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

export function text(body: string, status = 200, headers: Readonly<Record<string, string>> = { 'content-type': 'text/html' }): Behaviour {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

export function redirect(location: string, status: number): Behaviour {
  return text('', status, { location });
}

/** Takes the request and never says a word. */
export const hang: Behaviour = () => {};

/** Takes the request and breaks the connection. */
export const reset: Behaviour = (response) => {
  response.socket?.resetAndDestroy();
};

/** Says its headers at once and then one byte at a time. */
export function trickle(body: string, interval: number): Behaviour {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(body.length) });
    for (const byte of body) {
      if (response.destroyed) return;
      response.write(byte);
      await wait(interval);
    }
    response.end();
  };
}

/** A body without end, as fast as it is read; counts what it could send. */
export function endless(sent: { bytes: number }): Behaviour {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(65_536, ' ');
    const closed = new Promise((resolve) => response.on('close', resolve));
    while (!response.destroyed) {
      sent.bytes += chunk.length;
      if (!response.write(chunk)) await Promise.race([new Promise((resolve) => response.once('drain', resolve)), closed]);
    }
  };
}

/** A small body that unfolds to 64 MB, with or without saying so. */
export function gzipBomb(said: boolean): Behaviour {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...(said ? { 'content-encoding': 'gzip' } : {}) });
    response.end(bomb);
  };
}

/** More headers than anybody reads. */
export const hugeHeaders: Behaviour = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'x-padding': 'x'.repeat(200_000) });
  response.end('{}');
};

/** Bytes that are no HTTP at all, straight onto the connection. */
export function raw(bytes: string): Behaviour {
  return (response) => {
    response.socket?.end(bytes);
  };
}

/** The same answer, later. */
export function delayed(milliseconds: number, behaviour: Behaviour): Behaviour {
  return async (response, request) => {
    await wait(milliseconds);
    await behaviour(response, request);
  };
}
