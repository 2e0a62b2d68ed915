// A reverse proxy that ends TLS, as a stand-in for the one of deploy/compose.yaml: asks each replica every second whether it is ready,
// and gives requests to those that are, one after the other. For trying things on one machine, and not for production.
import http from 'node:http';
import https from 'node:https';
import { once } from 'node:events';

const LARGEST_BODY = 1_048_576;
/** RFC 9110 §7.6.1, and what a client could only forge. */
const NOT_FORWARDED = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'],
]);

export class Proxy {
  #turn = 0;
  #timer;
  #server;

  /** @param {{ url: string }[]} replicas */
  constructor(replicas) {
    this.replicas = replicas.map((replica) => ({ ...replica, ready: false }));
  }

  async listen(port, certificate) {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), 1_000);
    this.#server = https.createServer(certificate, (request, response) => {
      this.#answer(request, response).catch(() => (response.headersSent ? response.destroy() : refuse(response, 502)));
    });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close() {
    clearInterval(this.#timer);
    if (this.#server === undefined) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  async #look() {
    const looks = this.replicas.map(async (replica) => (replica.ready = await isOk(`${replica.url}/readyz`)));
    await Promise.all(looks);
  }

  async #answer(request, response) {
    const body = await bodyOf(request);
    if (body === null) return refuse(response, 413);
    // those that are ready, beginning with the next; one that cannot be connected to has seen nothing of the request
    const ready = this.replicas.filter((replica) => replica.ready);
    const turn = this.#turn++;
    for (let tried = 0; tried < ready.length; tried++) {
      const replica = ready[(turn + tried) % ready.length];
      try {
        const answer = await exchange(replica.url, request, body);
        const headers = Object.entries(answer.headers).filter(([name]) => !NOT_FORWARDED.has(name));
        response.writeHead(answer.statusCode, Object.fromEntries(headers));
        answer.pipe(response);
        return;
      } catch (error) {
        if (error.code !== 'ECONNREFUSED') throw error;
        replica.ready = false;
      }
    }
    refuse(response, 503);
  }
}

function exchange(url, request, body) {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !NOT_FORWARDED.has(name)));
  const forwarded = {
    'x-forwarded-for': request.socket.remoteAddress,
    'x-forwarded-host': request.headers.host,
    'x-forwarded-proto': 'https',
    ...(body.length > 0 || 'content-length' in headers ? { 'content-length': body.length } : {}),
  };
  return new Promise((resolve, reject) => {
    const onward = http.request(url + request.url, { method: request.method, headers: { ...headers, ...forwarded }, timeout: 15_000 });
    onward.once('response', resolve).once('error', reject);
    onward.once('timeout', () => onward.destroy(new Error('the replica did not answer in time')));
    onward.end(body);
  });
}

/** Null when it is too long. */
async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LARGEST_BODY) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refuse(response, status) {
  response.writeHead(status, { connection: 'close' }).end();
}

async function isOk(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
