import 'reflect-metadata';
import net from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FaultLog } from '../../src/access/fault-log.js';
import { SecurityLog } from '../../src/access/security-log.js';
import { furnish, httpAdapter } from '../../src/http/server.js';

let open: () => void = () => undefined;
let arrived = 0;
const gate = new Promise<void>((resolve) => (open = resolve));

@Controller()
class Slow {
  @Get('healthz')
  alive(): string {
    return 'alive';
  }

  @Get(['v1/suspensions', 'v1/suspensions/:id'])
  stops(): string {
    return 'stopped';
  }

  @Get('v1/suspensions/slow')
  async slowStop(): Promise<string> {
    await gate;
    return 'stopped';
  }

  @Get(['oauth2/slow', 'v1/slow'])
  async slow(): Promise<string> {
    arrived++;
    await gate;
    return 'done';
  }
}

@Module({
  controllers: [Slow],
  providers: [
    { provide: FaultLog, useValue: { write: () => undefined } },
    { provide: SecurityLog, useValue: { write: () => undefined } },
  ],
})
class SlowModule {}

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 10)))
    if (await condition()) return;
  throw new Error('it did not come to that in time');
};

describe('what is under way at a server', () => {
  let app: NestFastifyApplication;
  let url: string;
  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(SlowModule, httpAdapter(), { logger: false, bodyParser: false });
    furnish(app, { bounds: { requests: 3, stops: 2, connections: 8 } });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  it('is so many requests, and one more is told to come again in the words of its surface', async () => {
    const broken = new AbortController();
    const underWay = [fetch(`${url}/oauth2/slow`), fetch(`${url}/v1/slow`)];
    const left = fetch(`${url}/v1/slow`, { signal: broken.signal }).catch(() => 'broken off');
    await until(() => arrived === 3);

    const agent = await fetch(`${url}/oauth2/slow`);
    expect({ status: agent.status, retryAfter: agent.headers.get('retry-after'), cache: agent.headers.get('cache-control') }).toEqual({
      status: 503,
      retryAfter: '1',
      cache: 'no-store',
    });
    expect(await agent.json()).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'too many requests are under way: try again',
    });
    const administrator = await fetch(`${url}/v1/slow`);
    expect({ status: administrator.status, retryAfter: administrator.headers.get('retry-after') }).toEqual({
      status: 503,
      retryAfter: '1',
    });
    expect(await administrator.json()).toMatchObject({ status: 503, code: 'overloaded' });
    // a process that has much to do is not to be ended for it
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(arrived).toBe(3);
    // nor is a stop to wait until the flood is over that it is to end
    for (const path of ['', '/sus01', '?limit=1']) expect((await fetch(`${url}/v1/suspensions${path}`)).status).toBe(200);
    const stops = [fetch(`${url}/v1/suspensions/slow`), fetch(`${url}/v1/suspensions/slow`)];
    await until(async () => (await fetch(`${url}/v1/suspensions`)).status === 503);

    // whoever goes away makes room
    broken.abort();
    expect(await left).toBe('broken off');
    const next = fetch(`${url}/v1/slow`);
    const again = next.then(async (response) => (response.status === 503 ? fetch(`${url}/v1/slow`) : response));
    await until(() => arrived === 4);
    open();
    expect((await Promise.all([...underWay, ...stops, again])).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    for (let time = 0; time < 10; time++) expect((await fetch(`${url}/v1/slow`)).status).toBe(200);
  });

  it('is so many connections, and one more is closed', async () => {
    const { hostname, port } = new URL(url);
    app.getHttpAdapter().getInstance().server.closeIdleConnections();
    const sockets = Array.from({ length: 12 }, () => net.connect(Number(port), hostname));
    let closed = 0;
    for (const socket of sockets) socket.on('error', () => undefined).on('close', () => closed++);
    await until(() => closed >= 4);
    const standing = sockets.filter((socket) => !socket.destroyed);
    expect(standing.length).toBeGreaterThan(0);
    expect(standing.length).toBeLessThanOrEqual(8);
    for (const socket of sockets) socket.destroy();
  });
});
