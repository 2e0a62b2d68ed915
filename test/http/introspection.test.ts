import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt, SignJWT } from 'jose';
import { z } from 'zod';
import { basic, crm, reports, startGivenTokensWorld, type Answer, type GivenTokensWorld } from './given-tokens-world.js';

let world: GivenTokensWorld;
let crmServer: { readonly id: string; readonly key: string };
let reportsServer: typeof crmServer;
beforeAll(async () => {
  world = await startGivenTokensWorld();
  crmServer = await enrol('crm');
  reportsServer = await enrol('reports');
}, 60_000);
afterAll(() => world.stop());
beforeEach(() => world.authorizationServer.outages({}));

const inactive = '{"active":false}';
const INTERNAL = 'POST /token/revocation';

async function enrol(resource: string): Promise<typeof crmServer> {
  const { body } = await world.corridor.api('POST', '/v1/keys', { name: `${resource} server`, roles: ['resource-server'], resource });
  return z.object({ id: z.string(), key: z.string() }).parse(body);
}

const bearer = ({ key }: { readonly key: string }): string => `Bearer ${key}`;
const about = (token: string, authorization?: string): Promise<Answer> => world.ask('introspect', { token }, authorization);

/** Active or not, as the text that went over the wire. */
async function seen(token: string, authorization: string): Promise<boolean> {
  const { status, text } = await about(token, authorization);
  expect(status).toBe(200);
  if (text === inactive) return false;
  expect(JSON.parse(text)).toMatchObject({ active: true });
  return true;
}

describe('the introspection endpoint', () => {
  it('tells a run about its token as the record has it (B95, B99)', async () => {
    const run = await world.startRun();
    const before = Math.floor(Date.now() / 1000);
    const token = await world.tokenFor(run);
    const { status, headers, body } = await about(token, basic(run));
    expect({ status, cache: headers.get('cache-control'), type: headers.get('content-type') }).toEqual({
      status: 200,
      cache: 'no-store',
      type: expect.stringMatching(/^application\/json/),
    });
    expect(body).toEqual({
      active: true,
      iss: world.authorizationServer.issuer,
      client_id: 'corridor-indexer',
      sub: 'corridor-indexer',
      scope: 'crm:read',
      aud: crm,
      token_type: 'Bearer',
      iat: expect.any(Number),
      exp: expect.any(Number),
    });
    const { iat, exp } = z.object({ iat: z.int(), exp: z.int() }).parse(body);
    expect(iat).toBeGreaterThanOrEqual(before - 2);
    expect(iat).toBeLessThanOrEqual(Date.now() / 1000 + 1); // by the database's clock, as it was measured last
    // the run lasts for 900 s, and the token is not served beyond it
    expect(exp - iat).toBeLessThanOrEqual(900);
    expect(exp - iat).toBeGreaterThan(800);
  });

  it('names the client that the token was issued to, whatever the catalogue calls it since (B99)', async () => {
    const token = await world.tokenFor(await world.startRun());
    const source = await readFile(world.corridor.configFile, 'utf8');
    const apply = async (text: string): Promise<void> => {
      expect((await world.corridor.api('POST', '/v1/apply', { source: text })).status).toBe(200);
    };
    await apply(source.replaceAll('client_id: corridor-indexer', 'client_id: renamed'));
    const { body } = await world.corridor.api('GET', '/v1/clients/indexer');
    const told = (await about(token, bearer(crmServer))).body;
    await apply(source);
    expect(body).toMatchObject({ client_id: 'renamed' });
    expect(told).toMatchObject({ active: true, client_id: 'corridor-indexer', sub: 'corridor-indexer' });
  });

  it('says of a JWT what stands in it (B99)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run, reports);
    const { iss, sub, aud, jti, scope, client_id: clientId } = decodeJwt(token);
    expect((await about(token, basic(run))).body).toMatchObject({ active: true, iss, sub, aud, jti, scope, client_id: clientId });
  });

  it('tells the server of the resource who acts besides (B97)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const own = z.record(z.string(), z.unknown()).parse((await about(token, basic(run))).body);
    const expected = { ...own, run: run.id, workflow: 'nightly-index', purpose: 'search-indexing' };
    expect((await about(token, bearer(crmServer))).body).toEqual(expected);
    expect((await about(token, basic({ id: crmServer.id, secret: crmServer.key }))).body).toEqual(expected);
    expect((await world.ask('introspect', { token, client_id: crmServer.id, client_secret: crmServer.key })).body).toEqual(expected);
  });

  it('names the workflow alone of a token that runs share', async () => {
    const [one, other] = [await world.startRun({ operator: 'share' }), await world.startRun({ operator: 'share' })];
    const token = await world.tokenFor(one);
    expect(await world.tokenFor(other)).toBe(token);
    expect(await seen(token, basic(one))).toBe(true);
    expect(await seen(token, basic(other))).toBe(true);
    const { body } = await about(token, bearer(crmServer));
    expect(body).toMatchObject({ active: true, workflow: 'nightly-index' });
    expect(body).not.toHaveProperty('run');
    expect(body).not.toHaveProperty('purpose');
    await world.endRun(one.id);
    expect(await seen(token, basic(one))).toBe(false);
    expect(await seen(token, basic(other))).toBe(true);
    expect(await seen(token, bearer(crmServer))).toBe(true);
    await world.endRun(other.id);
    expect(await seen(token, bearer(crmServer))).toBe(false);
  });

  it('says the same, byte for byte, of whatever is not the business of who asks (B96, B97)', async () => {
    const [owner, stranger] = [await world.startRun(), await world.startRun()];
    const token = await world.tokenFor(owner);
    const answers = [
      await about(token, basic(stranger)),
      await about(token, bearer(reportsServer)),
      await about('garbage', basic(owner)),
      await about('a.b.c', bearer(crmServer)),
      await about('x'.repeat(10_000), bearer(crmServer)),
    ];
    for (const { status, text, headers } of answers) {
      expect({ status, text, cache: headers.get('cache-control') }).toEqual({ status: 200, text: inactive, cache: 'no-store' });
      expect([...headers.keys()]).toEqual([...(answers[0]?.headers.keys() ?? [])]);
    }
    expect(await seen(token, basic(owner))).toBe(true);
  });

  it('calls a token inactive from the moment on that it was revoked, also while its server is down (B98)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    await world.authorizationServer.outages({ [INTERNAL]: 503 });
    expect((await world.ask('revoke', { token }, basic(run))).status).toBe(503);
    expect([await seen(token, basic(run)), await seen(token, bearer(crmServer))]).toEqual([false, false]);
  });

  it('calls a token inactive from the moment on that its run ended (B98)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    await world.endRun(run.id);
    expect([await seen(token, basic(run)), await seen(token, bearer(crmServer))]).toEqual([false, false]);
  });

  it.each([
    ['its workflow', () => ({ kind: 'workflow', id: 'nightly-index' })],
    ['its resource', () => ({ kind: 'resource', id: 'crm' })],
    ['its client', () => ({ kind: 'client', id: 'indexer' })],
    ['everything', () => ({ kind: 'everything' })],
    ['the run', (run: string) => ({ kind: 'run', id: run })],
  ])('calls a token inactive from the moment on that %s was suspended, and ever after (B98)', async (_, target) => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const raised = await world.corridor.api('POST', '/v1/suspensions', { ...target(run.id), reason: 'a drill' });
    const [forRun, forServer] = [await seen(token, basic(run)), await seen(token, bearer(crmServer))];
    const { id } = z.object({ id: z.string() }).parse(raised.body);
    expect((await world.corridor.api('DELETE', `/v1/suspensions/${id}`)).status).toBe(200);
    expect([forRun, forServer, await seen(token, bearer(crmServer))]).toEqual([false, false, false]);
  });

  it('calls a token inactive when it may be served no longer, though its server says longer (B98)', async () => {
    const run = await world.startRun({ operator: 'brief' });
    const token = await world.tokenFor(run);
    const { body } = await about(token, bearer(crmServer));
    const { exp, iat } = z.object({ exp: z.int(), iat: z.int() }).parse(body);
    expect(exp - iat).toBeLessThanOrEqual(4);
    const deadline = Date.now() + 10_000;
    while ((await seen(token, bearer(crmServer))) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(exp);
    expect(await seen(token, basic(run))).toBe(false);
  });

  it('wants a token, a form and POST (B95)', async () => {
    const run = await world.startRun();
    for (const form of [new Map<string, string>(), new Map([['token', '']])].map((entries) => Object.fromEntries(entries))) {
      expect(await world.ask('introspect', form, basic(run))).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
    const read = await fetch(`${world.corridor.issuer}/introspect?token=x`, { headers: { authorization: basic(run) } });
    expect({ status: read.status, allow: read.headers.get('allow'), cache: read.headers.get('cache-control') }).toEqual({
      status: 405,
      allow: 'POST',
      cache: 'no-store',
    });
    const inUrl = await fetch(`${world.corridor.issuer}/introspect?token=x`, { method: 'POST', headers: { authorization: basic(run) } });
    expect(inUrl.status).toBe(400);
    const twice = await fetch(`${world.corridor.issuer}/introspect`, {
      method: 'POST',
      headers: { authorization: basic(run), 'content-type': 'application/x-www-form-urlencoded' },
      body: 'token=x&token=y',
    });
    expect(twice.status).toBe(400);
  });

  it('answers 401 and a challenge to whoever does not authenticate (B95)', async () => {
    const run = await world.startRun();
    const admin = world.corridor.adminKey;
    const runtimeKey = (await world.corridor.api('POST', '/v1/keys', { name: 'an auditor', roles: ['auditor'] })).body;
    const { id, key } = z.object({ id: z.string(), key: z.string() }).parse(runtimeKey);
    const failures = [
      [await about('x'), /^Basic /],
      [await about('x', basic({ id: run.id, secret: 'wrong' })), /^Basic /],
      [await world.ask('introspect', { token: 'x', client_id: run.id, client_secret: 'wrong' }), /^Basic /],
      [await about('x', `Bearer ${'x'.repeat(43)}`), /^Bearer /],
      [await about('x', 'Bearer !'), /^Bearer /],
      [await about('x', `Bearer ${admin}`), /^Bearer /],
      [await about('x', `Bearer ${key}`), /^Bearer /],
      [await about('x', basic({ id, secret: key })), /^Basic /],
      [await about('x', basic({ id: crmServer.id, secret: reportsServer.key })), /^Basic /],
    ] as const;
    for (const [{ status, headers, body }, challenge] of failures) {
      expect({ status, body }).toEqual({ status: 401, body: { error: 'invalid_client', error_description: expect.any(String) } });
      expect(headers.get('www-authenticate')).toMatch(challenge);
      expect(headers.get('cache-control')).toBe('no-store');
    }
    const both = await world.ask('introspect', { token: 'x', client_secret: 'y', client_id: run.id }, bearer(crmServer));
    expect(both).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('takes no assertion that was spent at another endpoint (B42)', async () => {
    const { id, privateKey } = await world.startRunWithKey();
    const assertion = await new SignJWT({ jti: 'once' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(world.corridor.issuer)
      .setIssuedAt()
      .setExpirationTime('60s')
      .sign(privateKey);
    const form = {
      token: 'x',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    };
    expect((await world.ask('revoke', form)).status).toBe(200);
    expect(await world.ask('introspect', form)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('forgets a resource server as soon as its key is revoked', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const enrolled = await enrol('crm');
    expect(await seen(token, bearer(enrolled))).toBe(true);
    expect((await world.corridor.api('DELETE', `/v1/keys/${enrolled.id}`)).status).toBe(200);
    expect((await about(token, bearer(enrolled))).status).toBe(401);
  });

  it('turns away who guesses keys, and nobody who has one (B21)', async () => {
    const guess = (attempt: number) => about('x', basic({ id: crmServer.id, secret: `wrong${attempt}` }));
    for (let attempt = 0; attempt < 20; attempt++) await guess(attempt);
    const throttled = await guess(20);
    expect(throttled).toMatchObject({ status: 429, body: { error: 'slow_down' } });
    expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await about('x', basic({ id: crmServer.id, secret: crmServer.key }))).text).toBe(inactive);
    expect((await about('x', bearer(crmServer))).text).toBe(inactive);
  });
});

describe('the key of a resource server', () => {
  it.each([
    [{ roles: ['resource-server'] }, 'resource_missing'],
    [{ roles: ['resource-server'], resource: 'nothing' }, 'resource_unknown'],
    [{ roles: ['resource-server', 'auditor'], resource: 'crm' }, 'roles_mixed'],
    [{ roles: ['resource-server'], resource: 'crm', runtime: 'ci' }, 'roles_mixed'],
    [{ roles: ['auditor'], resource: 'crm' }, 'resource_superfluous'],
  ])('is not made as %j', async (wish, code) => {
    expect(await world.corridor.api('POST', '/v1/keys', { name: 'odd', ...wish })).toMatchObject({ status: 400, body: { code } });
  });

  it('is listed with its resource, and recorded', async () => {
    const { body } = await world.corridor.api('GET', '/v1/keys');
    expect(body).toMatchObject({
      keys: expect.arrayContaining([expect.objectContaining({ id: crmServer.id, roles: ['resource-server'], resource: 'crm' })]),
    });
    const { body: found } = await world.corridor.api('GET', '/v1/entries?type=key.created');
    expect(JSON.stringify(found)).toContain(`"key":"${crmServer.id}"`);
    expect(found).toMatchObject({
      entries: expect.arrayContaining([expect.objectContaining({ key: crmServer.id, resource: { id: 'crm' } })]),
    });
  });
});
