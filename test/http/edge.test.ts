import 'reflect-metadata';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { Controller, Get, Header, Module, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { FaultLog } from '../../src/access/fault-log.js';
import { connectionLimits, replacePair } from '../../src/http/open-server.js';
import { furnish, httpAdapter, type Edge } from '../../src/http/server.js';
import { TrustedProxies } from '../../src/http/trusted-proxies.js';
import { awake } from '../rig/awake.js';
import { createAuthority, type Certified } from '../rig/certificates.js';
import { parseAnswer, sendRaw, sendSlowly } from '../rig/raw-http.js';

@Controller()
class Doors {
  @Get(['oauth2/plain', 'v1/plain'])
  plain(@Req() request: FastifyRequest): { address: string } {
    return { address: request.ip };
  }

  @Get('v1/kept')
  @Header('cache-control', 'public, max-age=60')
  kept(): { kept: true } {
    return { kept: true };
  }

  @Get('v1/named/:name')
  named(): string {
    return 'a name';
  }

  @Get('v1/large')
  large(): string {
    return 'x'.repeat(50_000_000);
  }
}

@Module({ controllers: [Doors], providers: [{ provide: FaultLog, useValue: { write: () => undefined } }] })
class DoorsModule {}

const opened: NestFastifyApplication[] = [];
afterAll(() => Promise.all(opened.map((app) => app.close())));

async function open(edge: Edge = {}): Promise<{ app: NestFastifyApplication; url: URL; server: http.Server }> {
  const app = await NestFactory.create<NestFastifyApplication>(DoorsModule, httpAdapter(edge), { logger: false, bodyParser: false });
  furnish(app, edge);
  await app.listen(0, '127.0.0.1');
  opened.push(app);
  const server = app.getHttpServer();
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { app, server, url: new URL(`${edge.tls ? 'https' : 'http'}://127.0.0.1:${port}`) };
}

/** Milliseconds awake until the other side has closed it, be it in order or not. */
async function closedAfter(socket: net.Socket): Promise<number> {
  const began = awake();
  socket.on('error', () => undefined).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  return awake() - began;
}

const hardening = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
const raw = async (url: URL, target: string, more: readonly string[] = [], host: readonly string[] = [`Host: ${url.host}`]) =>
  parseAnswer(await sendRaw(url, [`GET ${target} HTTP/1.1`, ...host, ...more, 'Connection: close', '', '']));

describe('every answer', () => {
  it.each([
    ['that is good', '/v1/plain', [], 200],
    ['to a path where nothing is', '/v1/nothing', [], 404],
    ['to a path that cannot be read', '/oauth2/%zz', [], 400],
    ['to a target that is no path', '*', [], 404],
    ['to a name without end', `/v1/named/${'x'.repeat(5000)}`, [], 414],
    ['to what is no HTTP', '/v1/plain', ['bad header: x'], 400],
    ['to headers without end', '/v1/plain', [`x-long: ${'x'.repeat(20_000)}`], 431],
  ])('%s is embedded, sniffed, kept and read by nobody else (B11)', async (_, target, more, status) => {
    for (const secure of [false, true]) {
      const { url } = await open({ https: secure });
      const answer = await raw(url, target, [...more, 'Origin: https://evil.example']);
      expect(answer.status).toBe(status);
      expect(Object.fromEntries(answer.headers)).toMatchObject({ ...hardening, 'cache-control': 'no-store' });
      expect(answer.headers.get('strict-transport-security')).toBe(secure ? 'max-age=31536000' : null);
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  it('is one of ours, also where Node would have one without words', async () => {
    const { url } = await open();
    const hostless = [await raw(url, '/oauth2/plain', [], []), await raw(url, '/v1/plain', [], [])];
    for (const { status, headers } of hostless) {
      expect(status).toBe(400);
      expect(Object.fromEntries(headers)).toMatchObject(hardening);
    }
    expect(hostless.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
      { error: 'invalid_request' },
      { status: 400, code: 'http' },
    ]);
    expect((await raw(url, '/v1/plain', ['Expect: the-unexpected'])).status).toBe(200);
  });

  it('says what its route says of caches', async () => {
    const { url } = await open();
    expect((await raw(url, '/v1/kept')).headers.get('cache-control')).toBe('public, max-age=60');
  });
});

describe('https in the service itself', () => {
  const authority = createAuthority('an authority');
  const ask = async (url: URL, options: https.RequestOptions = {}) => {
    const trust = { ca: authority.cert, servername: 'corridor.test', agent: false as const };
    const request = https.get(new URL('/v1/plain', url), { ...trust, ...options });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const socket = response.socket as tls.TLSSocket;
    const facts = { protocol: socket.getProtocol(), serial: socket.getPeerCertificate().serialNumber, reused: request.reusedSocket };
    return { status: response.statusCode, body: await text(response), ...facts };
  };
  const pair = (): Certified => authority.certify('corridor.test');

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    const { url } = await open({ tls: pair() });
    expect(await ask(url)).toMatchObject({ status: 200, protocol: 'TLSv1.3' });
    expect(await ask(url, { maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200, protocol: 'TLSv1.2' });
    await expect(ask(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow(
      /alert|protocol/i,
    );
    await expect(ask(url, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA' })).rejects.toThrow(/handshake failure/i);
  });

  it('is served with another pair from now on, and what stands goes on', async () => {
    const [first, second] = [pair(), pair()];
    const { url, server } = await open({ tls: first });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
    const before = await ask(url, { agent });
    replacePair(server, second);
    expect(await ask(url, { agent })).toMatchObject({ status: 200, serial: before.serial, reused: true });
    const fresh = await ask(url);
    expect(fresh.status).toBe(200);
    expect(fresh.serial).not.toBe(before.serial);
    agent.destroy();
  });

  it('tells nothing to what is no TLS, and cuts off who does not go on with it', async () => {
    const { url } = await open({ tls: pair(), limits: { ...connectionLimits, handshake: 300 } });
    expect((await sendSlowly(url, ['GET /v1/plain HTTP/1.1', '', ''], 1_000)).text).toBe('');
    expect(await closedAfter(net.connect(Number(url.port), url.hostname))).toBeLessThan(5_000);
  });
});

describe('a connection', () => {
  const quick = { ...connectionLimits, request: 400, idle: 400, keepAlive: 400, look: 50 };
  it('is closed when no request comes, at first and after one (B8)', async () => {
    const { url } = await open({ limits: quick });
    const [mute, after] = [net.connect(Number(url.port), url.hostname), net.connect(Number(url.port), url.hostname)];
    after.write(`GET /v1/plain HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
    for (const took of await Promise.all([closedAfter(mute), closedAfter(after)])) expect(took).toBeLessThan(5_000);
  });

  it('is closed when its headers or its body come too slowly (B8)', async () => {
    const { url } = await open({ limits: quick });
    const post = ['POST /v1/plain HTTP/1.1', `Host: ${url.host}`, 'Content-Type: application/json', 'Content-Length: 60000'];
    for (const lines of [
      ['GET /v1/plain HTTP/1.1', 'X-Slow: '],
      [...post, '', '{'],
    ]) {
      const { text: answer, took } = await sendSlowly(url, lines, 50);
      expect(parseAnswer(answer).status).toBe(408);
      expect(took).toBeLessThan(5_000);
    }
  });

  it('is closed when its answer is not read', async () => {
    const { url, server } = await open({ limits: quick });
    const cutOff = new Promise((resolve) => server.once('connection', (one) => one.once('close', resolve)));
    const socket = net.connect(Number(url.port), url.hostname).pause();
    socket.write(`GET /v1/large HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
    await cutOff;
    let read = 0;
    socket.on('data', (chunk) => (read += chunk.length));
    await closedAfter(socket);
    expect(read).toBeLessThan(50_000_000);
  });

  it('takes so many requests, and says with the last that it closes', async () => {
    const { url } = await open({ limits: { ...connectionLimits, requests: 3 } });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const closing: (string | undefined)[] = [];
    for (let time = 0; time < 6; time++) {
      const [response] = (await once(http.get(new URL('/v1/plain', url), { agent }), 'response')) as [http.IncomingMessage];
      await text(response);
      closing.push(response.headers.connection);
    }
    expect(closing).toEqual(['keep-alive', 'keep-alive', 'close', 'keep-alive', 'keep-alive', 'close']);
    agent.destroy();
  });
});

describe('behind a proxy', () => {
  it('the address is the one that a trusted proxy tells, and no header of anybody else counts', async () => {
    const trusting = await open({ proxies: new TrustedProxies(['127.0.0.0/8'], 'x-forwarded-for') });
    const alone = await open();
    const headers = ['X-Forwarded-For: 198.51.100.7, 203.0.113.9', 'Forwarded: for=192.0.2.1', 'X-Real-IP: 192.0.2.2'];
    expect(JSON.parse((await raw(trusting.url, '/v1/plain', headers)).body)).toEqual({ address: '203.0.113.9' });
    expect(JSON.parse((await raw(alone.url, '/v1/plain', headers)).body)).toEqual({ address: '127.0.0.1' });
  });
});
