import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** Milliseconds for a request to come in; connections at a time. */
const REQUEST_DEADLINE = 5_000;
const CONNECTIONS = 64;

export interface Page {
  readonly contentType: string;
  print(): Promise<string>;
}

/** Serves the metrics on an address of its own, so that nobody who may ask for a token can read them, and nothing else. */
export class MetricsListener {
  private constructor(private readonly server: Server) {}

  static async open(
    page: Page,
    { host, port }: { readonly host: string; readonly port: number },
    onFailure: (error: unknown) => void,
  ): Promise<MetricsListener> {
    const server = createServer({ requestTimeout: REQUEST_DEADLINE, headersTimeout: REQUEST_DEADLINE }, (request, response) => {
      answer(page, request, response).catch((error: unknown) => {
        onFailure(error);
        response.destroy();
      });
    });
    server.maxConnections = CONNECTIONS;
    server.listen(port, host);
    await once(server, 'listening');
    return new MetricsListener(server);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

async function answer(page: Page, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  request.resume();
  if (request.url?.split('?')[0] !== '/metrics') return void response.writeHead(404, headers).end();
  if (request.method !== 'GET') return void response.writeHead(405, { ...headers, allow: 'GET' }).end();
  const text = await page.print();
  response.writeHead(200, { ...headers, 'content-type': page.contentType }).end(text);
}
