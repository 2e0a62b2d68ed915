import type { Resolve } from '../../src/platform/checked-connections.js';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { UpstreamExchangeFailed, type UpstreamRequest } from '../../src/upstreams/upstream-http.js';
import { HostileAuthorizationServer } from '../rig/hostile-authorization-server.js';

/** How to end what a test opened, in order. */
const opened: (() => Promise<void>)[] = [];

export async function closeOpened(): Promise<void> {
  for (const close of opened.splice(0)) await close();
}

/** A hostile server that ends with the test. */
export async function hostile(...options: Parameters<typeof HostileAuthorizationServer.start>): Promise<HostileAuthorizationServer> {
  const server = await HostileAuthorizationServer.start(...options);
  opened.push(() => server.stop());
  return server;
}

export function client(...options: ConstructorParameters<typeof UndiciUpstreamHttp>): UndiciUpstreamHttp {
  const http = new UndiciUpstreamHttp(...options);
  opened.push(() => http.close());
  return http;
}

/** A resolver that knows one answer after the other and keeps the last, and how often it was asked. */
export function dns(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: () => number } {
  let asked = 0;
  return {
    resolve: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)] ?? [];
      return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
    asked: () => asked,
  };
}

export function post(url: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
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

/** How an exchange failed that must. */
export async function failure(exchange: Promise<unknown>): Promise<{ fault: string; sent: boolean }> {
  try {
    await exchange;
  } catch (error) {
    if (!(error instanceof UpstreamExchangeFailed)) throw error;
    return { fault: error.fault, sent: error.sent };
  }
  throw new Error('the exchange ended with a response');
}
