import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseAnswer, sendRaw, sendSlowly } from '../rig/raw-http.js';
import { basic, crm, expectOAuthAnswer, form, TokenDoor, type SecretRun } from '../http/token-door.js';

let door: TokenDoor;
let run: SecretRun;
let slowBody: ReturnType<typeof sendSlowly>;
let slowHeaders: ReturnType<typeof sendSlowly>;
const good = form({ grant_type: 'client_credentials', resource: crm });

beforeAll(async () => {
  door = await TokenDoor.open();
  run = await door.startRun();
  // what takes its time runs beside the other tests
  slowBody = sendSlowly(door.url, [...head({ 'content-length': '60000' }), '', good], 250);
  slowHeaders = sendSlowly(door.url, [...head({}), 'x-slow: '], 250);
}, 60_000);
afterAll(() => door.close());

function head(headers: Readonly<Record<string, string>>, target = '/oauth2/token', method = 'POST'): string[] {
  const all = {
    host: door.url.host,
    connection: 'close',
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basic(run.id, run.secret),
    ...headers,
  };
  return [`${method} ${target} HTTP/1.1`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`)];
}

async function raw(lines: readonly string[]) {
  const { status, headers, body } = parseAnswer(await sendRaw(door.url, lines));
  const answer = { status, headers, body: z.record(z.string(), z.unknown()).parse(JSON.parse(body)) };
  expectOAuthAnswer(answer);
  return answer;
}

const request = (target: string, headers: Readonly<Record<string, string>> = {}, body = good) =>
  raw([...head({ 'content-length': String(body.length), ...headers }, target), '', body]);
const refusal = { error: 'invalid_request', error_description: expect.any(String) };

describe('a method that is none of the token endpoint', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH'])(
    '%s is answered with 405 and Allow (B1, B64)',
    async (method) => {
      const answer = await raw([...head({ 'content-length': '0' }, '/oauth2/token', method), '', '']);
      expect({ status: answer.status, allow: answer.headers.get('allow'), body: answer.body }).toEqual({
        status: 405,
        allow: 'POST',
        body: refusal,
      });
    },
  );

  it('HEAD is too, without a body (B1)', async () => {
    const { status, headers, body } = parseAnswer(await sendRaw(door.url, [...head({}, '/oauth2/token', 'HEAD'), '', '']));
    expect({ status, allow: headers.get('allow'), body }).toEqual({ status: 405, allow: 'POST', body: '' });
  });

  it('does not become POST by a header, a parameter or a query (B1, B3)', async () => {
    const before = door.upstreamRequests;
    for (const header of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      expect(
        await raw([...head({ [header]: 'POST', 'content-length': String(good.length) }, '/oauth2/token', 'PUT'), '', good]),
      ).toMatchObject({ status: 405 });
    }
    expect(await raw([...head({}, `/oauth2/token?_method=POST&${good}`, 'GET'), '', ''])).toMatchObject({ status: 405 });
    expect(door.upstreamRequests).toBe(before);
  });
});

describe('a target that is written otherwise', () => {
  it('in absolute form names the same endpoint, whatever host it says, in OAuth JSON (B9, B64)', async () => {
    const target = 'http://evil.example/oauth2/token';
    expect((await request(target)).status).toBe(200);
    expect(await request(target, { authorization: basic(run.id, 'wrong') })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    expect(await request('http://evil.example/oauth2/nothing')).toMatchObject({ status: 404, body: refusal });
  });

  it('with escapes in its path is answered in OAuth JSON (B64)', async () => {
    for (const target of ['/oauth2/tok%65n', '/%6fauth2/token']) {
      expect(await request(target, { authorization: basic(run.id, 'wrong') })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    }
    for (const target of ['/oauth2/%zz', '/oauth2/%ff']) expect(await request(target)).toMatchObject({ status: 400, body: refusal });
  });

  it('is another path, and nothing there (B64)', async () => {
    for (const target of ['/oauth2', '/oauth2/', '/oauth2/token/', '/oauth2/TOKEN', '/oauth2//token', '/oauth2/token;x=1']) {
      expect({ target, ...(await request(target)) }).toMatchObject({ target, status: 404, body: refusal });
    }
    expect(await request(`/oauth2/clients/${'x'.repeat(400)}/jwks`)).toMatchObject({ status: 404, body: refusal });
  });
});

describe('a body, or what should be one', () => {
  it('is taken in chunks', async () => {
    const chunk = `${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`;
    expect((await raw([...head({ 'transfer-encoding': 'chunked' }), '', chunk])).status).toBe(200);
  });

  it('of 10 MB is refused before it is read (B8)', async () => {
    expect(await raw([...head({ 'content-length': '10000000' }), '', good])).toMatchObject({ status: 413, body: refusal });
  });

  it('in chunks is refused once it is too large (B8)', async () => {
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
    expect(await raw([...head({ 'transfer-encoding': 'chunked' }), '', chunk + chunk + chunk])).toMatchObject({
      status: 413,
      body: refusal,
    });
  });

  it.each([
    ['gzip', 'gzip'],
    ['an encoding that nobody knows', 'x-unknown'],
  ])('is not unpacked: %s is refused (B8)', async (_, encoding) => {
    expect(await request('/oauth2/token', { 'content-encoding': encoding })).toMatchObject({ status: 400, body: refusal });
  });

  it('whose length is said in two ways is refused (B64)', async () => {
    const length = String(good.length);
    for (const headers of [
      [...head({ 'content-length': length }), `content-length: ${good.length + 1}`],
      [...head({ 'content-length': length }), 'transfer-encoding: chunked'],
      [...head({ 'transfer-encoding': 'chunked, identity' })],
      [...head({ 'content-length': `+${length}` })],
    ]) {
      expect(await raw([...headers, '', good])).toMatchObject({ status: 400, body: refusal });
    }
  });

  it('without a type, or with two, is refused (B2)', async () => {
    const withoutType = head({ 'content-length': String(good.length) }).filter((line) => !line.startsWith('content-type'));
    expect(await raw([...withoutType, '', good])).toMatchObject({ status: 415, body: refusal });
    const two = [...head({ 'content-length': String(good.length) }), 'content-type: application/json'];
    expect(await raw([...two, '', good])).toMatchObject({ status: 400, body: refusal });
  });
});

describe('a request that is no HTTP', () => {
  it('is told so in OAuth JSON (B64)', async () => {
    for (const lines of [
      [...head({ 'bad header': 'x' }), '', ''],
      ['nonsense', '', ''],
    ]) {
      expect(await raw(lines)).toMatchObject({ status: 400, body: refusal });
    }
  });

  it('with headers without end is told so (B8, B64)', async () => {
    expect(await raw([...head({ 'x-long': 'x'.repeat(100_000) }), '', ''])).toMatchObject({ status: 431, body: refusal });
  });
});

describe('an answer', () => {
  it('opens nothing to other origins (B11)', async () => {
    const preflight = await raw([
      ...head(
        { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'content-length': '0' },
        '/oauth2/token',
        'OPTIONS',
      ),
      '',
      '',
    ]);
    const answers = [
      preflight,
      await request('/oauth2/token', { origin: 'https://evil.example' }),
      await request('/oauth2/nothing', { origin: 'null' }),
    ];
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  it('tells no more of the software than it must (B64)', async () => {
    const { headers } = await request('/oauth2/token');
    for (const name of ['server', 'x-powered-by', 'etag', 'set-cookie']) expect(headers.has(name)).toBe(false);
  });
});

describe('who is slow', () => {
  it.each([
    ['body', () => slowBody],
    ['headers', () => slowHeaders],
  ])('with the %s is cut off, and told so (B8, B64)', async (_, sent) => {
    const { text, took } = await sent();
    const { status, headers, body } = parseAnswer(text);
    expectOAuthAnswer({ status, headers, body: z.record(z.string(), z.unknown()).parse(JSON.parse(body)) });
    expect(status).toBe(408);
    expect(took).toBeGreaterThan(5_000);
    expect(took).toBeLessThan(20_000);
  });
});
