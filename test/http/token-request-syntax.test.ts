import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { basic, billing, crm, form, TokenDoor, type SecretRun, type TokenAnswer } from './token-door.js';

let door: TokenDoor;
let run: SecretRun;
beforeAll(async () => {
  door = await TokenDoor.open();
  run = await door.startRun();
}, 60_000);
afterAll(() => door.close());

const json = z.record(z.string(), z.unknown());
const good = form({ grant_type: 'client_credentials', resource: crm, scope: 'crm:read' });
const ask = (body: string, headers: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> =>
  door.send(body, { authorization: basic(run.id, run.secret), ...headers });
const inBody = (): string => form({ client_id: run.id, client_secret: run.secret });
const escapedBytes = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

describe('the body of a token request', () => {
  it('has one media type, whatever its case and parameters (B2)', async () => {
    for (const type of [
      'application/x-www-form-urlencoded; charset=UTF-8',
      'APPLICATION/x-www-form-urlencoded',
      'application/x-www-form-urlencoded ;a=b',
    ]) {
      expect((await ask(good, { 'content-type': type })).status).toBe(200);
    }
    for (const type of ['application/x-www-form-urlencodedx', 'application/x-www-form-urlencode', 'text/x-www-form-urlencoded', 'form']) {
      const { status, body } = await ask(good, { 'content-type': type });
      expect({ type, status, error: body['error'] }).toEqual({ type, status: 415, error: 'invalid_request' });
    }
  });

  it('as JSON with everything right is refused, and nobody is asked for a token (B2)', async () => {
    const before = door.upstreamRequests;
    const asJson = JSON.stringify({ grant_type: 'client_credentials', resource: crm, client_id: run.id, client_secret: run.secret });
    expect(await door.send(asJson, { 'content-type': 'application/json' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(door.upstreamRequests).toBe(before);
  });

  it('cannot be completed by the URL: each parameter there is refused (B3)', async () => {
    const all = new URLSearchParams(`${good}&${inBody()}`);
    for (const [moved, value] of all) {
      const rest = new URLSearchParams([...all].filter(([name]) => name !== moved));
      const response = await fetch(`${door.url.href}?${form({ [moved]: value })}`, { method: 'POST', body: rest });
      expect({ moved, status: response.status, body: json.parse(await response.json()) }).toEqual({
        moved,
        status: 400,
        body: { error: 'invalid_request', error_description: expect.any(String) },
      });
    }
  });

  it('may repeat nothing but the resource, whichever it is and however it is written (B4)', async () => {
    const parameters = [
      'grant_type',
      'scope',
      'client_id',
      'client_secret',
      'client_assertion',
      'client_assertion_type',
      'audience',
      '__proto__',
      '',
    ];
    for (const name of parameters) {
      for (const again of [encodeURIComponent(name), escapedBytes(name)]) {
        const { status, body } = await door.send(`x=1&${encodeURIComponent(name)}=a&${again}=b`);
        expect({ name, status, error: body['error'] }).toEqual({ name, status: 400, error: 'invalid_request' });
      }
    }
    expect(await ask(`${good}&resource=${encodeURIComponent(billing)}`)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect((await ask(`${good}&resource=`)).status).toBe(200);
  });

  it.each([
    '__proto__[scope]=crm:write',
    'constructor=x&prototype=y',
    'scope%00=x',
    'toString=1',
    'scope%5B%5D=crm:write',
    'scope;x=crm:write',
    'Scope=crm:write',
    'scope+=crm:write',
  ])('takes %s for what it is, and never for a scope (B4, B6)', async (more) => {
    const { status, body } = await ask(`${good}&${more}`);
    expect([status, body['scope'] ?? body['error']]).toEqual(more.includes('%00') ? [400, 'invalid_request'] : [200, 'crm:read']);
  });

  it('ignores what it does not know: a request object is as if it were not there (B6)', async () => {
    const junk = {
      request: 'eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImNybTp3cml0ZSJ9.',
      request_uri: 'https://evil.example/r',
      audience: billing,
      state: 'x',
    };
    const { status, body } = await ask(`${good}&${form(junk)}`);
    expect({ status, scope: body['scope'] }).toEqual({ status: 200, scope: 'crm:read' });
    expect(await door.entriesOf(run.id)).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: body['attribution'], resource: { id: 'crm', uri: crm } })]),
    );
  });

  it('takes every empty value for an absent parameter (B5)', async () => {
    const empty = ['scope', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'authorization_details', 'request'];
    expect((await ask(`${good.replace('&scope=crm%3Aread', '')}&${empty.map((name) => `${name}=`).join('&')}`)).body).toMatchObject({
      scope: 'crm:read',
    });
    expect((await ask(`${good.replace('&scope=crm%3Aread', '')}&${empty.join('&')}&&`)).body).toMatchObject({ scope: 'crm:read' });
    expect(await ask('grant_type=&scope=crm%3Aread')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await door.send(`${good}&client_id=${run.id}&client_secret=`)).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
  });

  it('is refused when it is malformed anywhere, also where nobody looks (B7)', async () => {
    for (const broken of [
      'x=%',
      'x=%4',
      'x=%u0041',
      '%80=x',
      'x=%ed%a0%80',
      'x=%f4%90%80%80',
      'x=%c0%af',
      'x=a%00b',
      '%00',
      'resource=%fe%ff',
    ]) {
      const { status, body } = await ask(`${good}&${broken}`);
      expect({ broken, status, error: body['error'] }).toEqual({ broken, status: 400, error: 'invalid_request' });
    }
    const bytes = await fetch(door.url, {
      method: 'POST',
      headers: { authorization: basic(run.id, run.secret), 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.concat([Buffer.from(`${good}&x=`), Buffer.from([0xc3, 0x28])]),
    });
    expect({ status: bytes.status, body: json.parse(await bytes.json()) }).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });

  it('is refused when a value is longer than anybody needs (B7, B8)', async () => {
    expect(await ask(form({ grant_type: 'client_credentials', resource: `${crm}/${'x'.repeat(3_000)}` }))).toMatchObject({
      status: 400,
      body: { error: 'invalid_target' },
    });
    expect(await ask(form({ grant_type: 'client_credentials', resource: crm, scope: 'x'.repeat(10_000) }))).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    });
    expect(await door.send(`${good}&${form({ client_id: run.id, client_secret: 'x'.repeat(60_000) })}`)).toMatchObject({
      status: 400,
      body: { error: 'invalid_client' },
    });
  });

  it('of any bytes whatever is answered with a code and never with 500 (B7, B63)', async () => {
    const nasty = fc.constantFrom(
      '%',
      '%00',
      '&',
      '=',
      '+',
      '[',
      ']',
      '\0',
      '"',
      '\\',
      '\u{1f600}',
      'resource=',
      'scope=',
      'grant_type=',
      'client_credentials',
      ';',
      '%C3',
      '\r\n',
    );
    const text = fc.array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 12 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), async (body, begunWell) => {
        const { status } = await ask(begunWell ? `${good}&x=${body}` : body);
        expect([200, 400]).toContain(status);
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  it('of any value in any parameter is answered with a code and never with 500 (B7, B63)', async () => {
    const names = [
      'grant_type',
      'scope',
      'resource',
      'client_id',
      'client_secret',
      'client_assertion',
      'client_assertion_type',
      'authorization_details',
    ] as const;
    const parameters = fc.dictionary(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 40 }), {
      maxKeys: 4,
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(parameters, async (values) => {
        const { status } = await door.send(form({ grant_type: 'client_credentials', resource: crm, ...values }));
        expect(status).toBe(400);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

describe('the grant', () => {
  it.each([
    ['', 'invalid_request'],
    ['grant_type=', 'invalid_request'],
    ['grant_type=client_credentials%20', 'unsupported_grant_type'],
    ['grant_type=CLIENT_CREDENTIALS', 'unsupported_grant_type'],
    ['grant_type=client_credentials%2Cpassword', 'unsupported_grant_type'],
    ['grant_type=password&username=ada&password=x', 'unsupported_grant_type'],
    ['grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c', 'unsupported_grant_type'],
    ['grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code', 'unsupported_grant_type'],
  ])('of "%s" is none (B10)', async (body, error) => {
    const answers = [await ask(body), await door.send(body), await door.send(`${body}&${inBody()}`)];
    expect(answers.map((answer) => [answer.status, answer.body['error']])).toEqual([
      [400, error],
      [400, error],
      [400, error],
    ]);
  });
});

describe('authorization details', () => {
  it.each(['[]', '[{"type":"payment"}]', 'not json', '{}', '[{"type":"crm:read"},{}]', '[{"type":"a","type":"b"}]'])(
    'of %s are refused where no type is declared, and nothing is sent (B54)',
    async (details) => {
      const before = door.upstreamRequests;
      expect(await ask(`${good}&${form({ authorization_details: details })}`)).toMatchObject({
        status: 400,
        body: { error: 'invalid_authorization_details' },
      });
      expect(door.upstreamRequests).toBe(before);
    },
  );
});

describe('what is malformed', () => {
  it('is noted for the operator, without a word of it', async () => {
    const refused = [
      `${good}&x=%zebra`,
      'grant_type=zebra',
      `${good}%22zebra`,
      form({ grant_type: 'client_credentials', resource: 'zebra' }),
    ];
    const noted = (): number => door.corridor.output().split('"malformed_request"').length - 1;
    const before = noted();
    for (const body of refused) expect((await ask(body)).status).toBe(400);
    await until(() => noted() >= before + refused.length);
    expect(noted()).toBe(before + refused.length);
    expect(door.corridor.output()).not.toContain('zebra');
  });
});
