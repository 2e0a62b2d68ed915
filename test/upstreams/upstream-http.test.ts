import type { Resolve } from '../../src/platform/checked-connections.js';
import type { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { awake } from '../rig/awake.js';
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
import { client, closeOpened, failure, hostile, post } from './exchanges.js';

afterEach(closeOpened);

/** So many connections stand from now on, so that a deadline cannot pass before a request has left. */
async function standing(http: UndiciUpstreamHttp, server: HostileAuthorizationServer, connections = 1): Promise<void> {
  server.at('/token', json({}));
  await Promise.all(Array.from({ length: connections }, () => http.exchange(post(server.tokenEndpoint))));
  expect(server.connections).toBe(connections);
  // they are free for the next requests a moment after the answers were read
  await new Promise((resolve) => setImmediate(resolve));
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

  it('is one of so many with an origin, and one more is not sent', async () => {
    const [server, other] = [await hostile(), await hostile()];
    const http = client({}, 3);
    await standing(http, server, 3);
    server.at('/token', hang);
    other.at('/token', json('{}'));
    const underWay = [1, 2, 3].map(() => failure(http.exchange(post(server.tokenEndpoint, { deadline: 1_000 }))));
    expect(await failure(http.exchange(post(server.tokenEndpoint)))).toEqual({ fault: 'overloaded', sent: false });
    expect((await http.exchange(post(other.tokenEndpoint))).status).toBe(200);
    expect(await Promise.all(underWay)).toEqual([1, 2, 3].map(() => ({ fault: 'timeout', sent: true })));
    expect(server.requests).toHaveLength(3 + 3);
    server.at('/token', json('{}'));
    expect((await http.exchange(post(server.tokenEndpoint))).status).toBe(200);
  });

  it('waits for none with another server at the same host, and for no token request where it is none itself', async () => {
    const server = await hostile();
    const http = client();
    server.at('/hangs', hang);
    server.at('/token', json('{}'));
    const hanging = { server: 'a', kind: 'token', deadline: 4_000 } as const;
    const stuck = Array.from({ length: 64 }, () => failure(http.exchange(post(`${server.issuer}/hangs`, hanging))));
    const others = [
      { server: 'b', kind: 'token' },
      { server: 'a', kind: 'revocation' },
    ] as const;
    for (const other of others) expect((await http.exchange(post(server.tokenEndpoint, { ...other, deadline: 2_000 }))).status).toBe(200);
    expect(await failure(http.exchange(post(server.tokenEndpoint, { ...hanging, deadline: 500 })))).toMatchObject({
      fault: 'timeout',
      sent: false,
    });
    await Promise.all(stuck);
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
    const http = client();
    await standing(http, server);
    server.at('/token', hang);
    const begun = awake();
    expect(await failure(http.exchange(post(server.tokenEndpoint, { deadline: 1_000 })))).toEqual({ fault: 'timeout', sent: true });
    expect(awake() - begun).toBeLessThan(2_000);
  });

  it('ends a trickling body at the deadline of the whole exchange (Q33)', async () => {
    const server = await hostile();
    const http = client();
    await standing(http, server);
    server.at('/token', trickle(JSON.stringify({ access_token: 'x'.repeat(500) }), 20));
    expect(await failure(http.exchange(post(server.tokenEndpoint, { deadline: 1_000 })))).toEqual({ fault: 'timeout', sent: true });
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
    const server = await HostileAuthorizationServer.start();
    await server.stop();
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
