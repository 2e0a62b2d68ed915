import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { z } from 'zod';

/** Whose tokens it takes, and which authorization server it sends its clients to (RFC 9728 §2). */
export interface McpTrust {
  /** The server that signs the tokens. */
  readonly tokenIssuer: string;
  /** The server that clients ask: Corridor's issuer. */
  readonly authorizationServer: string;
}

export interface RunningMcpServer {
  /** Its URL, which is its resource indicator too. */
  readonly url: string;
  /** Until it is called every request is refused with 503. */
  trust(trust: McpTrust): void;
  /** The `client_id` of each token that it took, one for each message. */
  readonly callers: readonly string[];
  stop(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const message = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string(),
  params: z.looseObject({ protocolVersion: z.string().optional() }).optional(),
});

/** The least of an MCP server over Streamable HTTP that a client can connect to, protected as the specification of MCP says. */
export async function startProtectedMcpServer(scope: string): Promise<RunningMcpServer> {
  const callers: string[] = [];
  let guard: Guard | null = null;
  const server = http.createServer((request, response) => {
    const answered = guard === null ? Promise.resolve<Answer>({ status: 503 }) : guard.answer(request, callers);
    answered.then(
      ({ status, headers, body }) => {
        const type = body === undefined ? {} : { 'content-type': 'application/json' };
        response.writeHead(status, { ...type, ...headers }).end(body === undefined ? '' : JSON.stringify(body));
      },
      () => response.writeHead(500).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the port is unknown');
  const url = `http://127.0.0.1:${address.port}/mcp`;
  return {
    url,
    callers,
    trust: (trusted) => void (guard = new Guard(url, scope, trusted)),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

class Guard {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;
  readonly #metadataUrl: string;

  constructor(
    private readonly url: string,
    private readonly scope: string,
    private readonly trusted: McpTrust,
  ) {
    this.#keys = createRemoteJWKSet(new URL('/jwks', trusted.tokenIssuer));
    // RFC 9728 §3.1: inserted before the path
    this.#metadataUrl = new URL('/.well-known/oauth-protected-resource/mcp', url).href;
  }

  async answer(request: http.IncomingMessage, callers: string[]): Promise<Answer> {
    const requested = new URL(request.url ?? '/', this.url).href;
    if (requested === this.#metadataUrl) return { status: 200, body: this.#metadata() };
    if (requested !== this.url) return { status: 404 };
    const caller = await this.#caller(request.headers.authorization);
    if (caller === null) return this.#challenge();
    if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' } };
    callers.push(caller);
    return speak(message.parse(JSON.parse(await text(request))));
  }

  #metadata(): unknown {
    return {
      resource: this.url,
      authorization_servers: [this.trusted.authorizationServer],
      scopes_supported: [this.scope],
      bearer_methods_supported: ['header'],
    };
  }

  async #caller(authorization = ''): Promise<string | null> {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
    if (token === undefined) return null;
    try {
      const { payload } = await jwtVerify(token, this.#keys, { issuer: this.trusted.tokenIssuer, audience: this.url, typ: 'at+jwt' });
      const claims = z.object({ client_id: z.string(), scope: z.string() }).parse(payload);
      return claims.scope.split(' ').includes(this.scope) ? claims.client_id : null;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  /** RFC 9728 §5.1; the scope is what MCP's authorization section lets a server ask for. */
  #challenge(): Answer {
    return { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${this.#metadataUrl}", scope="${this.scope}"` } };
  }
}

/** The handshake and the list of tools; a notification is taken in silence. */
function speak({ id, method, params }: z.infer<typeof message>): Answer {
  if (id === undefined) return { status: 202 };
  const results: Readonly<Record<string, unknown>> = {
    initialize: {
      protocolVersion: params?.protocolVersion ?? '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'protected', version: '1.0.0' },
    },
    'tools/list': { tools: [{ name: 'look-up', description: 'Looks something up', inputSchema: { type: 'object' } }] },
  };
  const result = results[method];
  if (result === undefined) return { status: 200, body: { jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } } };
  return { status: 200, body: { jsonrpc: '2.0', id, result } };
}
