import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';
import { sendRaw } from '../rig/raw-http.js';

let world: World;
let run: RunBySecret;
beforeAll(async () => {
  world = await startWorld();
  run = await world.startRun();
}, 60_000);
afterAll(() => world.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

const basic = (id = run.id, secret = run.secret): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

async function ask(body: string, headers: Record<string, string> = {}, method = 'POST', path = '/token'): Promise<Answer> {
  const response = await fetch(`${world.corridor.issuer}${path}`, {
    method,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    ...(method === 'GET' || method === 'HEAD' ? {} : { body }),
    redirect: 'manual',
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const good = `grant_type=client_credentials&resource=${encodeURIComponent(crm)}&scope=crm%3Aread`;

describe('the token endpoint', () => {
  it('answers a success as RFC 6749 §5.1 has it, exactly typed (B57, B58)', async () => {
    const { status, headers, body } = await ask(good, { authorization: basic() });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('pragma')).toBe('no-cache');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'crm:read',
      attribution: expect.stringMatching(/^ent/),
    });
    expect(Number.isInteger(body['expires_in'])).toBe(true);
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])('answers %s with 405 and Allow (B1)', async (method) => {
    const { status, headers, body } = await ask(good, { authorization: basic() }, method);
    expect({ status, allow: headers.get('allow'), error: body['error'] }).toEqual({ status: 405, allow: 'POST', error: 'invalid_request' });
  });

  it.each([
    ['application/json', JSON.stringify({ grant_type: 'client_credentials' })],
    ['application/json', '{broken'],
    ['multipart/form-data; boundary=x', '--x--'],
    ['text/plain', good],
  ])('takes a form and not %s (B2)', async (type, body) => {
    const answer = await ask(body, { authorization: basic(), 'content-type': type });
    expect([400, 415]).toContain(answer.status);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('honours nothing in the URL (B3)', async () => {
    const inUrl = await ask('grant_type=client_credentials', { authorization: basic() }, 'POST', `/token?scope=crm%3Aread`);
    expect(inUrl).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it.each([
    'grant_type=client_credentials',
    'scope=crm%3Aread',
    'client_id=x&client_id=x',
    'junk=1&junk=2',
    'client_assertion=a&client_assertion=b',
  ])('refuses the repeat %s (B4)', async (more) => {
    const { status, body } = await ask(`${good}&${more}`, { authorization: basic() });
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_request' });
  });

  it('takes brackets and dots in names for unknown names (B4, B6)', async () => {
    const { status, body } = await ask(`${good}&scope[]=crm%3Awrite&scope[a]=admin&client_id.x=1&request=x&audience=y`, {
      authorization: basic(),
    });
    expect({ status, scope: body['scope'] }).toEqual({ status: 200, scope: 'crm:read' });
  });

  it('refuses more parameters than anybody needs (B4)', async () => {
    const many = Array.from({ length: 1500 }, (_, index) => `p${index}=1`).join('&');
    expect(await ask(`${good}&${many}`, { authorization: basic() })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('takes an empty value for an absent parameter (B5)', async () => {
    const { status, body } = await ask(
      `grant_type=client_credentials&resource=${encodeURIComponent(crm)}&scope=&client_id=&client_secret=`,
      {
        authorization: basic(),
      },
    );
    expect({ status, scope: body['scope'] }).toEqual({ status: 200, scope: 'crm:read' });
  });

  it.each(['%', '%zz', 'a%ff=1', 'scope=%00', 'scope=%C3%28', '%E0%80%80=1'])('refuses the malformed encoding %s (B7)', async (broken) => {
    expect(await ask(`${good}&${broken}`, { authorization: basic() })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('refuses a body that is too large, in OAuth JSON (B8, B64)', async () => {
    const { status, body } = await ask(`${good}&junk=${'x'.repeat(200_000)}`, { authorization: basic() });
    expect({ status, body }).toEqual({ status: 413, body: { error: 'invalid_request', error_description: expect.any(String) } });
  });

  it('answers on paths that are not there in OAuth JSON (B64)', async () => {
    const { status, body, headers } = await ask('', {}, 'POST', '/nothing');
    expect({ status, body }).toEqual({ status: 404, body: { error: 'invalid_request', error_description: expect.any(String) } });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('knows one grant (B10)', async () => {
    expect(await ask('', { authorization: basic() })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    for (const grant of [
      'password',
      'authorization_code',
      'refresh_token',
      'Client_Credentials',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ]) {
      const { status, body } = await ask(`grant_type=${encodeURIComponent(grant)}`, { authorization: basic() });
      expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'unsupported_grant_type' });
    }
  });

  it('wants the client authenticated (B12)', async () => {
    expect(await ask(good)).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
    expect(await ask(`${good}&client_id=${run.id}`)).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
  });

  it('takes one way of authenticating at a time (B13)', async () => {
    const bodySecret = `client_id=${run.id}&client_secret=${run.secret}`;
    const assertion = 'client_assertion=a.b.c&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer';
    for (const [more, headers] of [
      [bodySecret, { authorization: basic() }],
      [assertion, { authorization: basic() }],
      [`${bodySecret}&${assertion}`, {}],
    ] as const) {
      expect(await ask(`${good}&${more}`, headers)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  it('refuses a client_id that is another (B15)', async () => {
    const other = await world.startRun();
    expect(await ask(`${good}&client_id=${other.id}`, { authorization: basic() })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(await ask(`${good}&client_id=${run.id}`, { authorization: basic() })).toMatchObject({ status: 200 });
  });

  it('decodes Basic as a form, whatever the case of the scheme (B16)', async () => {
    const escaped = [...run.id].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
    const encoded = Buffer.from(`${escaped}:${run.secret}`).toString('base64');
    expect(await ask(good, { authorization: `bAsIc ${encoded}` })).toMatchObject({ status: 200 });
    for (const broken of [
      'Basic',
      'Basic ====',
      'Basic !!!!',
      `Basic ${Buffer.from('nocolon').toString('base64')}`,
      `Basic ${Buffer.from('%zz:x').toString('base64')}`,
      'Bearer x',
      'Digest a=b',
    ]) {
      const { status, headers, body } = await ask(good, { authorization: broken });
      expect({ broken, status, error: body['error'] }).toEqual({ broken, status: 401, error: 'invalid_client' });
      expect(headers.get('www-authenticate')).toMatch(/^Basic /);
    }
  });

  it('gives 401 and a challenge to failed Basic alone (B19, B20)', async () => {
    const inHeader = await ask(good, { authorization: basic(run.id, 'wrong') });
    expect(inHeader).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(inHeader.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    const inBody = await ask(`${good}&client_id=${run.id}&client_secret=wrong`);
    expect(inBody).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
    expect(inBody.headers.get('www-authenticate')).toBeNull();
  });

  it('answers to an unknown run as to a wrong secret (B21)', async () => {
    const wrong = await ask(good, { authorization: basic(run.id, 'wrong') });
    const unknown = await ask(good, { authorization: basic('run01nobody00000000000000000', 'wrong') });
    const strange = await ask(good, { authorization: basic("x' or 1=1", 'wrong') });
    expect(unknown.body).toEqual(wrong.body);
    expect(strange.body).toEqual(wrong.body);
    expect([unknown.status, strange.status]).toEqual([wrong.status, wrong.status]);
  });

  it('makes ids and secrets of letters and digits (B17)', () => {
    expect(run.id).toMatch(/^[A-Za-z0-9]+$/);
    expect(run.secret).toMatch(/^[A-Za-z0-9]{43}$/);
  });

  it('ignores whatever else claims to be a run (B40)', async () => {
    const other = await world.startRun();
    const { body } = await ask(`${good}&run_id=${other.id}&run=${other.id}`, { authorization: basic(), 'x-run-id': other.id });
    expect(await world.entry(body['attribution'])).toMatchObject({ run: run.id });
  });

  it.each([
    ['scope=crm%3Aread%20%20crm%3Awrite', 'invalid_scope'],
    ['scope=a%22b', 'invalid_scope'],
    ['scope=%C3%A9', 'invalid_scope'],
    ['scope=billing%3Aread', 'invalid_scope'],
    ['scope=crm%3Aadmin', 'invalid_scope'],
    ['scope=CRM%3Aread', 'invalid_scope'],
  ])('refuses %s (B47, B52)', async (scope, error) => {
    const { status, body } = await ask(`grant_type=client_credentials&resource=${encodeURIComponent(crm)}&${scope}`, {
      authorization: basic(),
    });
    expect({ status, error: body['error'] }).toEqual({ status: 400, error });
  });

  it.each([
    'relative',
    '/crm',
    `${crm}#x`,
    'https://unknown.example/',
    `${crm}/`,
    'https://CRM.example/api',
    'https://crm.example:443/api',
    'https://crm%2Eexample/api',
    'https://x@crm.example/api',
  ])('refuses the resource %s, without saying which there are (B50, B53)', async (resource) => {
    const { status, body } = await ask(`grant_type=client_credentials&resource=${encodeURIComponent(resource)}`, {
      authorization: basic(),
    });
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_target' });
    expect(JSON.stringify(body)).not.toContain('billing');
  });

  it('refuses several resources at once, and none where it cannot tell which is meant (B51, B52)', async () => {
    const two = `grant_type=client_credentials&resource=${encodeURIComponent(crm)}&resource=${encodeURIComponent(world.mcp.url)}`;
    expect(await ask(two, { authorization: basic() })).toMatchObject({
      status: 400,
      body: { error: 'invalid_target', reasons: [{ code: 'several_resources' }] },
    });
    const none = await ask('grant_type=client_credentials', { authorization: basic() });
    expect(none).toMatchObject({ status: 400, body: { error: 'invalid_target', reasons: [{ code: 'resource_ambiguous' }] } });
  });

  it('keeps its descriptions within the characters of RFC 6749 §5.2, and repeats no input (B63)', async () => {
    const nasty = encodeURIComponent('"\\\n<b>zebra\u{1f600}');
    for (const body of [
      `grant_type=client_credentials&client_id=${nasty}&x=${nasty}`,
      `grant_type=${nasty}`,
      `grant_type=client_credentials&scope=${nasty}`,
      `grant_type=client_credentials&resource=${nasty}`,
    ]) {
      const answer = await ask(body, { authorization: basic() });
      expect(answer.body['error_description']).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(JSON.stringify(answer.body)).not.toContain('zebra');
    }
  });

  it('takes its URLs from configuration, whatever Host says (B9, B85–B89)', async () => {
    const url = new URL('/.well-known/oauth-authorization-server/oauth2', world.corridor.url);
    const spoofed = await sendRaw(url, [
      'GET /.well-known/oauth-authorization-server/oauth2 HTTP/1.1',
      'Host: evil.example',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Connection: close',
      '',
      '',
    ]);
    expect(spoofed).toContain('200 OK');
    expect(spoofed).not.toContain('evil.example');
    const metadata = (await (await fetch(url)).json()) as Record<string, unknown>;
    expect(metadata).toEqual({
      issuer: world.corridor.issuer,
      token_endpoint: `${world.corridor.issuer}/token`,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      revocation_endpoint: `${world.corridor.issuer}/revoke`,
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      revocation_endpoint_auth_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      introspection_endpoint: `${world.corridor.issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'Bearer'],
      introspection_endpoint_auth_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      authorization_endpoint: `${world.corridor.issuer}/authorize`,
      response_types_supported: ['none'],
    });
  });

  it('has an authorization endpoint that leads nowhere (B90, D4)', async () => {
    for (const method of ['GET', 'POST']) {
      const { status, body } = await ask('', {}, method, '/authorize?response_type=code&redirect_uri=https://evil.example');
      expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'unsupported_response_type' });
    }
  });

  it('records each refusal of somebody, and gives its entry (B43)', async () => {
    const { body } = await ask(`grant_type=client_credentials&resource=${encodeURIComponent(crm)}&scope=crm%3Awrite`, {
      authorization: basic(),
    });
    expect(body).toEqual({
      error: 'access_denied',
      error_description: 'denied by policy (scope_not_granted)',
      decision: expect.stringMatching(/^dec/),
      reasons: [expect.objectContaining({ code: 'scope_not_granted', scope: 'crm:write' })],
      attribution: expect.stringMatching(/^ent/),
    });
    expect(await world.entry(body['attribution'])).toMatchObject({ type: 'token.denied', run: run.id });
  });

  it('gives no token beyond the end of the run (B60)', async () => {
    const short = await world.startRun({ ttl: 30 });
    const { body } = await ask(good, { authorization: basic(short.id, short.secret) });
    expect(body['expires_in']).toBeLessThanOrEqual(30);
    expect(body['expires_in']).toBeGreaterThan(20);
  });

  it('turns away who fails too often, and nobody else (B21, B66)', async () => {
    const victim = await world.startRun();
    for (let attempt = 0; attempt < 20; attempt++) await ask(good, { authorization: basic(victim.id, `wrong${attempt}`) });
    const throttled = await ask(good, { authorization: basic(victim.id, 'wrong') });
    expect(throttled).toMatchObject({ status: 429, body: { error: 'slow_down' } });
    expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await ask(good, { authorization: basic() })).toMatchObject({ status: 200 });
  });
});
