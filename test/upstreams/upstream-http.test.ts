import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import type { Resolve } from '../../src/platform/checked-connections.js';
import { UpstreamExchangeFailed, type UpstreamRequest } from '../../src/upstreams/upstream-http.js';
import { createAuthority, selfSigned } from '../rig/certificates.js';
import {
  endless,
  gzipBomb,
  hang,
  HostileAuthorizationServer,
  hugeHeaders,
  json,
  raw,
  redirect,
  reset,
  trickle,
} from '../rig/hostile-authorization-server.js';

const opened: { stop?: () => Promise<void>; close?: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const { stop, close } of opened.splice(0)) await (stop ?? close)?.();
});

async function hostile(...options: Parameters<typeof HostileAuthorizationServer.start>): Promise<HostileAuthorizationServer> {
  const server = await HostileAuthorizationServer.start(...options);
  opened.push({ stop: () => server.stop() });
  return server;
}

function client(...options: ConstructorParameters<typeof UndiciUpstreamHttp>): UndiciUpstreamHttp {
  const http = new UndiciUpstreamHttp(...options);
  opened.push({ close: () => http.close() });
  return http;
}

/** A resolver that knows one answer after the other and keeps the last, and how often it was asked. */
function dns(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: () => number } {
  let asked = 0;
  return {
    resolve: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)] ?? [];
      return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
    asked: () => asked,
  };
}

function post(url: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'POST',
    url,
    headers: {},
    body: 'client_secret=canary',
    deadline: 2_000,
    maxBody: 10_000,
    allowHosts: ['127.0.0.1'],
    ...more,
  };
}

async function failure(exchange: Promise<unknown>): Promise<{ fault: string; sent: boolean }> {
  try {
    await exchange;
  } catch (error) {
    if (!(error instanceof UpstreamExchangeFailed)) throw error;
    return { fault: error.fault, sent: error.sent };
  }
  throw new Error('the exchange ended with a response');
}

describe('an exchange', () => {
  it('sends method, target, headers and body as given and gives the answer as it came', async () => {
    const server = await hostile();
    server.at('/token', json('{"a":1}', 418, { 'x-a': 'b' }));
    const response = await client().exchange(post(`${server.issuer}/token?tenant=1`, { headers: { accept: 'application/json' } }));
    expect(response.status).toBe(418);
    expect(Buffer.from(response.body).toString()).toBe('{"a":1}');
    expect(response.headers).toMatchObject({ 'content-type': 'application/json', 'x-a': 'b' });
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        target: '/token?tenant=1',
        body: 'client_secret=canary',
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      },
    ]);
  });

  it('joins a header that is repeated', async () => {
    const server = await hostile();
    server.at(
      '/token',
      (response) =>
        void response
          .writeHead(
            200,
            [
              ['x-a', '1'],
              ['x-a', '2'],
            ].flat(),
          )
          .end(),
    );
    expect((await client().exchange(post(server.tokenEndpoint))).headers['x-a']).toBe('1, 2');
  });

  it.each([301, 302, 303, 307, 308])('does not follow a redirect with status %i (A7)', async (status) => {
    const [server, other] = [await hostile(), await hostile()];
    server.at('/token', redirect(other.tokenEndpoint, status));
    expect((await client().exchange(post(server.tokenEndpoint))).status).toBe(status);
    expect(other.connections).toBe(0);
  });

  it('uses a connection again', async () => {
    const server = await hostile();
    server.at('/token', json({}));
    const http = client();
    await http.exchange(post(server.tokenEndpoint));
    // it is free for the next request a moment after the answer was read
    await new Promise((resolve) => setImmediate(resolve));
    await http.exchange(post(server.tokenEndpoint));
    expect(server.connections).toBe(1);
  });
});

describe('the limits of an exchange (A10)', () => {
  it('ends a hanging server at the deadline, as sent (Q33)', async () => {
    const server = await hostile();
    server.at('/token', hang);
    const begun = Date.now();
    expect(await failure(client().exchange(post(server.tokenEndpoint, { deadline: 150 })))).toEqual({ fault: 'timeout', sent: true });
    expect(Date.now() - begun).toBeLessThan(1_000);
  });

  it('ends a trickling body at the deadline of the whole exchange (Q33)', async () => {
    const server = await hostile();
    server.at('/token', trickle(JSON.stringify({ access_token: 'x'.repeat(500) }), 20));
    expect(await failure(client().exchange(post(server.tokenEndpoint, { deadline: 200 })))).toEqual({ fault: 'timeout', sent: true });
  });

  it('stops reading an endless body at the limit (Q32)', async () => {
    const server = await hostile();
    const sent = { bytes: 0 };
    server.at('/token', endless(sent));
    expect(await failure(client().exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'response_too_large', sent: true });
    expect(sent.bytes).toBeLessThan(20_000_000);
  });

  it('refuses a body whose announced length is over the limit', async () => {
    const server = await hostile();
    server.at('/token', (response) => void response.writeHead(200, { 'content-length': '10001' }).write('{'));
    expect(await failure(client().exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'response_too_large', sent: true });
  });

  it('reads no compressed body, so that none can unfold (Q32)', async () => {
    const server = await hostile();
    server.at('/token', gzipBomb(true));
    expect(await failure(client().exchange(post(server.tokenEndpoint, { maxBody: 1_000_000 })))).toEqual({
      fault: 'response_unreadable',
      sent: true,
    });
  });

  it('gives the bytes of a body that was compressed without saying so, and no more (Q34)', async () => {
    const server = await hostile();
    server.at('/token', gzipBomb(false));
    const { body } = await client().exchange(post(server.tokenEndpoint, { maxBody: 1_000_000 }));
    expect([...body.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
  });

  it('refuses headers without end', async () => {
    const server = await hostile();
    server.at('/token', hugeHeaders);
    expect(await failure(client().exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'response_too_large', sent: true });
  });
});

describe('a broken exchange', () => {
  it('was not sent when nobody listens', async () => {
    const server = await hostile();
    await opened.pop()?.stop?.();
    expect(await failure(client().exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'unreachable', sent: false });
  });

  it('was not sent when the name does not resolve', async () => {
    const resolve: Resolve = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    expect(await failure(client({ resolve }).exchange(post('https://as.example/token')))).toEqual({ fault: 'unreachable', sent: false });
  });

  it('was not sent when the deadline passed before there was a connection, and is not sent later', async () => {
    const server = await hostile();
    server.at('/token', json({}));
    const slow: Resolve = () => new Promise((resolve) => setTimeout(() => resolve([{ address: '127.0.0.1', family: 4 }]), 150));
    const { port } = new URL(server.issuer);
    const request = post(`http://as.test:${port}/token`, { allowHosts: ['as.test'], deadline: 50 });
    expect(await failure(client({ resolve: slow }).exchange(request))).toEqual({ fault: 'timeout', sent: false });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(server.requests).toEqual([]);
  });

  it('may have been sent when the connection breaks after it (A61)', async () => {
    const server = await hostile();
    server.at('/token', reset);
    expect(await failure(client().exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'unreachable', sent: true });
  });

  it('may have been sent when the answer is no HTTP, and its error holds nothing of the answer (A60)', async () => {
    const server = await hostile();
    server.at('/token', raw('HTTP/1.1 200 OK\r\ncanary\x00token: leaked\r\n\r\n'));
    const error: unknown = await client()
      .exchange(post(server.tokenEndpoint))
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ fault: 'response_unreadable', sent: true });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).cause)).not.toMatch(/canary|leaked/);
  });

  it('is one that was open when the way was closed', async () => {
    const server = await hostile();
    server.at('/token', hang);
    const http = client();
    const exchange = failure(http.exchange(post(server.tokenEndpoint)));
    while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await http.close();
    expect(await exchange).toEqual({ fault: 'unreachable', sent: true });
  });
});

describe('the address of a connection (A8)', () => {
  it.each([
    '127.0.0.1',
    '169.254.169.254',
    '[::ffff:10.0.0.1]',
    '[::1]',
    '10.1.2.3',
    '2130706433',
    '0x7f.1',
    '[fd00::1]',
    '0.0.0.0',
    '168.63.129.16',
  ])('is refused when the URL names %s', async (host) => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    const request = post(`https://${host}:${port}/token`, { allowHosts: [] });
    expect(await failure(client().exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(0);
  });

  it.each([['127.0.0.1'], ['169.254.169.254'], ['::ffff:10.0.0.1'], ['64:ff9b::a00:1'], ['192.168.0.1', '10.0.0.1']])(
    'is refused when the name resolves to %s',
    async (...addresses) => {
      const server = await hostile();
      const { port } = new URL(server.issuer);
      const request = post(`https://as.example:${port}/token`, { allowHosts: [] });
      expect(await failure(client(dns(addresses)).exchange(request))).toEqual({ fault: 'address_refused', sent: false });
      expect(server.connections).toBe(0);
    },
  );

  it('is looked up once, so that a second answer of the DNS changes nothing (rebinding)', async () => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    // 2000::/16 was given to nobody: public by number, and unreachable
    const names = dns(['2000::1'], ['127.0.0.1']);
    const http = client({ resolve: names.resolve, connectTimeout: 300 });
    const request = post(`https://as.example:${port}/token`, { allowHosts: [], deadline: 1_000 });
    expect((await failure(http.exchange(request))).fault).toMatch(/^(unreachable|timeout)$/);
    expect(names.asked()).toBe(1);
    expect(await failure(http.exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(names.asked()).toBe(2);
    expect(server.connections).toBe(0);
  });

  it('is the one that was looked up, for each new connection anew', async () => {
    const server = await hostile();
    server.at('/token', json({}, 200, { connection: 'close' }));
    const { port } = new URL(server.issuer);
    const names = dns(['127.0.0.1']);
    const http = client(names);
    const request = post(`http://as.test:${port}/token`, { allowHosts: ['as.test'] });
    await http.exchange(request);
    await http.exchange(request);
    expect(names.asked()).toBe(2);
    expect(server.requests.map(({ headers }) => headers.host)).toEqual([`as.test:${port}`, `as.test:${port}`]);
  });

  it('is not taken from the connections of a host that another server allows', async () => {
    const server = await hostile();
    server.at('/token', json({}));
    const http = client();
    await http.exchange(post(server.tokenEndpoint));
    const elsewhere = post(server.tokenEndpoint.replace('http:', 'https:'), { allowHosts: ['localhost'] });
    expect(await failure(http.exchange(elsewhere))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(1);
  });

  it('goes to the public addresses alone when a name has others too', async () => {
    const server = await hostile();
    const { port } = new URL(server.issuer);
    const http = client({ resolve: dns(['127.0.0.1', '2000::1']).resolve, connectTimeout: 300 });
    const request = post(`https://as.example:${port}/token`, { allowHosts: [], deadline: 1_000 });
    expect(await failure(http.exchange(request))).toMatchObject({ sent: false });
    expect(server.connections).toBe(0);
  });
});

describe('the transport (A6)', () => {
  const authority = createAuthority('Corridor test authority');
  const allowHosts = ['as.test'];
  const { resolve } = dns(['127.0.0.1']);

  it('speaks plain http only to hosts that the catalogue names', async () => {
    const server = await hostile();
    const request = post(server.tokenEndpoint, { allowHosts: ['localhost'] });
    expect(await failure(client().exchange(request))).toEqual({ fault: 'address_refused', sent: false });
    expect(server.connections).toBe(0);
  });

  it.each(['ftp://127.0.0.1/token', 'file:///etc/passwd', 'not a URL'])('does not speak %s', async (url) => {
    expect(await failure(client().exchange(post(url)))).toEqual({ fault: 'address_refused', sent: false });
  });

  it('speaks TLS to a server whose certificate is right', async () => {
    const server = await hostile({ tls: authority.certify('as.test'), host: 'as.test' });
    server.at('/token', json({ ok: 1 }));
    expect((await client({ resolve, authorities: authority.cert }).exchange(post(server.tokenEndpoint, { allowHosts }))).status).toBe(200);
  });

  it.each([
    ['of another name', authority.certify('other.test')],
    ['that has expired', authority.certify('as.test', new Date(Date.now() - 3_600_000))],
    ['of an unknown authority', createAuthority('somebody else').certify('as.test')],
    ['that only it vouches for', selfSigned('as.test')],
  ])('sends nothing to a server with a certificate %s', async (_, tls) => {
    const server = await hostile({ tls, host: 'as.test' });
    server.at('/token', json({}));
    const http = client({ resolve, authorities: authority.cert });
    expect(await failure(http.exchange(post(server.tokenEndpoint, { allowHosts })))).toEqual({ fault: 'tls_failed', sent: false });
    expect(server.requests).toEqual([]);
  });
});
