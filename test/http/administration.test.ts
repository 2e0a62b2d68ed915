import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';
import { until } from '../rig/command-line.js';

let world: World;
let runtimeKey: string;
beforeAll(async () => {
  world = await startWorld();
  const created = await world.corridor.api('POST', '/v1/keys', { name: 'another ci', roles: ['runtime'], runtime: 'ci' });
  runtimeKey = z.object({ key: z.string() }).parse(created.body).key;
}, 60_000);
afterAll(() => world.stop());

const wish = {
  workflow: 'nightly-index',
  purpose: 'search-indexing',
  agent: { name: 'indexer', version: '1.4.0', model: 'none' },
  ttl: 900,
};

async function token(run: RunBySecret, parameters: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm, ...parameters }),
  });
  return {
    status: response.status,
    body: z.looseObject({ error: z.string().optional(), access_token: z.string().optional() }).parse(await response.json()),
  };
}

async function startRun(body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${world.corridor.url}/v1/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${runtimeKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: z.record(z.string(), z.unknown()).parse(await response.json()) };
}

async function startedRun(more: Readonly<Record<string, unknown>> = {}, headers: Record<string, string> = {}): Promise<RunBySecret> {
  const { body } = await startRun({ ...wish, ...more }, headers);
  return z
    .object({ id: z.string(), client_secret: z.string() })
    .transform(({ id, client_secret: secret }) => ({ id, secret }))
    .parse(body);
}

async function suspend(kind: string, id?: string): Promise<() => Promise<void>> {
  const { status, body } = await world.corridor.api('POST', '/v1/suspensions', {
    kind,
    ...(id === undefined ? {} : { id }),
    reason: 'a test',
  });
  expect(status).toBe(201);
  const suspension = z.object({ id: z.string() }).parse(body);
  return async () => expect((await world.corridor.api('DELETE', `/v1/suspensions/${suspension.id}`)).status).toBe(200);
}

describe('starting a run', () => {
  it('answers as the contract has it', async () => {
    const { status, headers, body } = await startRun({ ...wish, operator: 'ada@example.com' });
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('location')).toBe(`/v1/runs/${String(body['id'])}`);
    expect(body).toEqual({
      id: expect.stringMatching(/^run[0-9a-z]{26}$/),
      client_id: body['id'],
      client_secret: expect.stringMatching(/^[A-Za-z0-9]{43}$/),
      token_endpoint_auth_method: 'client_secret_basic',
      issuer: world.corridor.issuer,
      token_endpoint: `${world.corridor.issuer}/token`,
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
    const life = Date.parse(z.string().parse(body['expires_at'])) - Date.now();
    expect(life).toBeGreaterThan(880_000);
    expect(life).toBeLessThanOrEqual(901_000);
  });

  it.each([
    [{ ...wish, workflow: 'another' }, 403, 'workflow_not_listed'],
    [{ ...wish, purpose: 'another' }, 403, 'purpose_not_declared'],
    [{ ...wish, ttl: 100_000 }, 400, 'ttl_too_long'],
    [{ ...wish, ttl: -1 }, 400, 'malformed'],
    [{ ...wish, ttl: 1.5 }, 400, 'malformed'],
    [{ ...wish, unknown: 1 }, 400, 'malformed'],
    [{ ...wish, operator: 'a\u0000b' }, 400, 'malformed'],
    [{ ...wish, agent: { name: 'x'.repeat(201) } }, 400, 'malformed'],
    [{ ...wish, parent: 'run01nobody' }, 404, 'parent_unknown'],
    [{ ...wish, public_key: { kty: 'oct', k: 'AAAA' } }, 400, 'public_key_unusable'],
    [{ purpose: 'search-indexing' }, 400, 'malformed'],
  ])('refuses %j with problem details', async (body, status, code) => {
    const answer = await startRun(body);
    expect({ status: answer.status, code: answer.body['code'] }).toEqual({ status, code });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toMatchObject({ type: 'about:blank', title: expect.any(String), status, detail: expect.any(String) });
  });

  it('refuses a key with its private half, and an RSA key that is too short', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    expect((await startRun({ ...wish, public_key: await exportJWK(pair.privateKey) })).body).toMatchObject({ code: 'public_key_unusable' });
    const short = { kty: 'RSA', n: Buffer.alloc(128, 0xc1).toString('base64url'), e: 'AQAB' };
    expect((await startRun({ ...wish, public_key: short })).body).toMatchObject({ code: 'public_key_unusable' });
  });

  it('repeats under an Idempotency-Key with a new secret, and the old one dies', async () => {
    const first = await startedRun({}, { 'idempotency-key': 'nightly-1' });
    expect((await token(first)).status).toBe(200);
    const again = await startedRun({}, { 'idempotency-key': 'nightly-1' });
    expect(again.id).toBe(first.id);
    expect(again.secret).not.toBe(first.secret);
    expect(await token(first)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect((await token(again)).status).toBe(200);
    expect(await startRun({ ...wish, ttl: 60 }, { 'idempotency-key': 'nightly-1' })).toMatchObject({
      status: 409,
      body: { code: 'idempotency_conflict' },
    });
  });

  it('hides the runs of one runtime from another', async () => {
    const own = await startedRun();
    const foreign = z.object({ id: z.string() }).parse((await world.corridor.api('POST', '/v1/runs', wish)).body);
    expect((await world.corridor.api('GET', `/v1/runs/${own.id}`, undefined, runtimeKey)).status).toBe(200);
    expect((await world.corridor.api('GET', `/v1/runs/${foreign.id}`, undefined, runtimeKey)).status).toBe(404);
    expect((await world.corridor.api('POST', `/v1/runs/${foreign.id}/end`, undefined, runtimeKey)).status).toBe(404);
    expect((await world.corridor.api('GET', `/v1/runs/${foreign.id}`)).status).toBe(200);
    expect((await startRun({ ...wish, parent: foreign.id })).status).toBe(404);
  });
});

describe('ending a run', () => {
  it('gives it no further token, and says so as the entry does', async () => {
    const run = await startedRun();
    expect((await token(run)).status).toBe(200);
    const ended = await world.corridor.api('POST', `/v1/runs/${run.id}/end`, undefined, runtimeKey);
    expect(ended).toMatchObject({
      status: 200,
      body: { id: run.id, ended_at: expect.any(String), withdrawn: [expect.stringMatching(/^iss/)] },
    });
    expect(await token(run)).toMatchObject({ status: 400, body: { error: 'unauthorized_client', reasons: [{ code: 'run_ended' }] } });
    expect((await world.corridor.api('POST', `/v1/runs/${run.id}/end`, undefined, runtimeKey)).status).toBe(200);
  });

  it('reaches the tokens: what the server cannot revoke is shown as exposed', async () => {
    const run = await startedRun();
    await token(run);
    await world.endRun(run.id);
    const types = async () =>
      z
        .object({ entries: z.array(z.looseObject({ type: z.string() })) })
        .parse((await world.corridor.api('GET', `/v1/entries?run=${run.id}`)).body)
        .entries.map(({ type }) => type);
    await until(async () => (await types()).some((type) => type === 'token.exposed' || type === 'token.revoked'));
    expect(await types()).toContain('token.exposed');
  }, 60_000);
});

describe('a child run', () => {
  it("is over when its parent is, lasts no longer, and is refused in the parent's name", async () => {
    const parent = await startedRun({ ttl: 100 });
    const child = await startedRun({ parent: parent.id });
    const read = z
      .looseObject({ expires_at: z.string(), parent: z.string() })
      .parse((await world.corridor.api('GET', `/v1/runs/${child.id}`)).body);
    expect(read.parent).toBe(parent.id);
    expect(Date.parse(read.expires_at) - Date.now()).toBeLessThan(101_000);
    const given = await token(child);
    expect(given.status).toBe(200);
    expect(await world.entry(given.body['attribution'])).toMatchObject({ run: child.id, ancestors: [parent.id] });
    await world.endRun(parent.id);
    expect(await token(child)).toMatchObject({
      status: 400,
      body: { error: 'unauthorized_client', reasons: [{ code: 'run_ended', ancestor: parent.id }] },
    });
    expect((await startRun({ ...wish, parent: child.id })).status).toBe(409);
    const ended = async () =>
      z
        .looseObject({ entries: z.array(z.unknown()) })
        .parse((await world.corridor.api('GET', `/v1/entries?run=${child.id}&type=run.ended`)).body).entries;
    await until(async () => (await ended()).length > 0);
    expect(await ended()).toMatchObject([{ cause: 'ancestor_ended', ancestors: [parent.id] }]);
    expect(await token(child)).toMatchObject({ body: { reasons: [{ code: 'run_ended', ancestor: parent.id }] } });
  }, 60_000);

  it('is suspended with its parent', async () => {
    const parent = await startedRun();
    const child = await startedRun({ parent: parent.id });
    const lift = await suspend('run', parent.id);
    expect(await token(child)).toMatchObject({
      status: 400,
      body: { error: 'access_denied', reasons: [{ code: 'suspended', kind: 'run' }] },
    });
    await lift();
    expect((await token(child)).status).toBe(200);
  });

  it('has at most eight ancestors', async () => {
    let parent = await startedRun();
    for (let depth = 0; depth < 8; depth++) parent = await startedRun({ parent: parent.id });
    expect(await startRun({ ...wish, parent: parent.id })).toMatchObject({ status: 400, body: { code: 'too_deep' } });
    expect((await token(parent)).status).toBe(200);
  });
});

describe('the stop', () => {
  it.each([
    ['workflow', 'nightly-index'],
    ['client', 'indexer'],
    ['resource', 'crm'],
    ['everything', undefined],
  ])('of a %s holds at once, also for a cached token, and is lifted again', async (kind, id) => {
    const run = await startedRun();
    expect((await token(run)).status).toBe(200);
    const lift = await suspend(kind, id);
    const stopped = await token(run);
    expect(stopped).toMatchObject({ status: 400, body: { error: 'access_denied', reasons: [{ code: 'suspended', kind }] } });
    expect(await world.entry(stopped.body['attribution'])).toMatchObject({ type: 'token.refused' });
    await lift();
    expect((await token(run)).status).toBe(200);
  });

  it('of one run leaves the others alone, and shows what it had', async () => {
    const [run, other] = [await startedRun(), await startedRun()];
    await token(run);
    const { body } = await world.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'leaked' });
    expect(body).toMatchObject({
      kind: 'run',
      target: run.id,
      epoch: expect.stringMatching(/^inc[0-9a-z]+:\d+$/),
      exposure: [
        { run: run.id, resource: 'crm', expires_at: expect.any(String), revocation: expect.stringMatching(/pending|unsupported|revoked/) },
      ],
    });
    expect((await token(run)).status).toBe(400);
    expect((await token(other)).status).toBe(200);
  });

  it('lifts itself when its time is over', async () => {
    const run = await startedRun();
    const expires = new Date(Date.now() + 5_000).toISOString();
    await world.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'a moment', expires_at: expires });
    expect((await token(run)).status).toBe(400);
    const attributions: unknown[] = [];
    await until(async () => {
      const { status, body } = await token(run);
      attributions.push(body['attribution']);
      return status === 200;
    });
    // by the clock that lifts it, which is the database's as it was measured last, some milliseconds off this one
    const { time } = z.looseObject({ time: z.iso.datetime() }).parse(await world.entry(attributions.at(-1)));
    expect(Date.parse(time)).toBeGreaterThanOrEqual(Date.parse(expires));
  });

  it.each([
    [{ kind: 'workflow', id: 'nigthly-index', reason: 'a slip' }, 404, 'target_unknown'],
    [{ kind: 'workflow', reason: 'which?' }, 400, 'target_missing'],
    [{ kind: 'everything', id: 'x', reason: 'x' }, 400, 'target_superfluous'],
    [{ kind: 'planet', id: 'x', reason: 'x' }, 400, 'malformed'],
    [{ kind: 'everything' }, 400, 'malformed'],
    [{ kind: 'everything', reason: 'late', expires_at: '2020-01-01T00:00:00Z' }, 400, 'expires_in_the_past'],
  ])('is refused for %j', async (body, status, code) => {
    expect(await world.corridor.api('POST', '/v1/suspensions', body)).toMatchObject({ status, body: { code } });
  });
});

describe('keys', () => {
  it('are shown once, stop working when revoked, and the last admin stays', async () => {
    const made = z
      .object({ id: z.string(), key: z.string() })
      .parse((await world.corridor.api('POST', '/v1/keys', { name: 'eve', roles: ['auditor'] })).body);
    expect((await world.corridor.api('GET', '/v1/entries', undefined, made.key)).status).toBe(200);
    const listed = await world.corridor.api('GET', '/v1/keys');
    expect(JSON.stringify(listed.body)).toContain(made.id);
    expect(JSON.stringify(listed.body)).not.toContain(made.key);
    expect((await world.corridor.api('DELETE', `/v1/keys/${made.id}`)).status).toBe(200);
    expect((await world.corridor.api('GET', '/v1/entries', undefined, made.key)).status).toBe(401);
    const { keys } = z.object({ keys: z.array(z.looseObject({ id: z.string(), roles: z.array(z.string()) })) }).parse(listed.body);
    const admin = keys.find(({ roles }) => roles.includes('admin'));
    expect(await world.corridor.api('DELETE', `/v1/keys/${String(admin?.id)}`)).toMatchObject({
      status: 409,
      body: { code: 'last_admin' },
    });
  });

  it('for a runtime name one of the catalogue', async () => {
    expect(await world.corridor.api('POST', '/v1/keys', { name: 'x', roles: ['runtime'] })).toMatchObject({
      status: 400,
      body: { code: 'runtime_missing' },
    });
    expect(await world.corridor.api('POST', '/v1/keys', { name: 'x', roles: ['runtime'], runtime: 'nobody' })).toMatchObject({
      status: 400,
      body: { code: 'runtime_unknown' },
    });
  });
});

describe('the record', () => {
  it('is found by pages that end, and refuses a cursor of somebody else', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await world.corridor.api('GET', `/v1/entries?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const { entries, next } = z
        .object({ entries: z.array(z.looseObject({ id: z.string() })), next: z.string().nullable() })
        .parse(page.body);
      seen.push(...entries.map(({ id }) => id));
      cursor = next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(20);
    expect((await world.corridor.api('GET', '/v1/entries?cursor=nonsense')).status).toBe(400);
    expect((await world.corridor.api('GET', '/v1/entries?type=nonsense')).status).toBe(400);
    for (const asked of ['entries?workflow=%00', 'entries?run=a%1fb', 'trace?jti=%00']) {
      expect({ asked, status: (await world.corridor.api('GET', `/v1/${asked}`)).status }).toEqual({ asked, status: 400 });
    }
  });

  it('is traced from a token, its hash in both forms, a log line, an entry and a run', async () => {
    const run = await startedRun({ operator: 'grace@example.com' });
    const { body } = await token(run);
    const text = z.string().parse(body.access_token);
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text)));
    const queries = [
      text,
      digest.toString('hex'),
      digest.toString('base64url'),
      `GET /customers 200 token=${digest.toString('hex')} 3ms`,
      String(body['attribution']),
      run.id,
    ];
    for (const query of queries) {
      const { status, body: trace } = await world.corridor.api('POST', '/v1/trace', { query });
      expect({ status, trace }).toMatchObject({ status: 200, trace: { run: { id: run.id, operator: { name: 'grace@example.com' } } } });
    }
    const byHash = await world.corridor.api('GET', `/v1/trace?token_sha256=${digest.toString('hex')}`);
    expect(byHash).toMatchObject({
      status: 200,
      body: {
        token: { sha256: digest.toString('hex'), live: true },
        decision: { reasons: [{ code: 'granted' }] },
        client: { client_id: 'corridor-indexer' },
      },
    });
    expect(JSON.stringify(byHash.body)).not.toContain(text);
    expect((await world.corridor.api('POST', '/v1/trace', { query: 'nothing of ours' })).status).toBe(404);
  });
});

async function assert(assertion: string, more: Record<string, string> = {}) {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: crm,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      ...more,
    }),
  });
  const { error } = z.looseObject({ error: z.string().optional() }).parse(await response.json());
  return { status: response.status, challenge: response.headers.get('www-authenticate'), error };
}

describe('an assertion of a run', () => {
  it('is refused for every defect, and is good for one use (B23–B38, B41)', async () => {
    const { id, privateKey } = await world.startRunWithKey('ES256');
    const stranger = await generateKeyPair('ES256');
    const now = Math.floor(Date.now() / 1000);
    const good = { iss: id, sub: id, aud: world.corridor.issuer, exp: now + 60, iat: now };
    let jti = 0;
    const sign = (claims: Record<string, unknown>, header: Record<string, unknown> = {}, key = privateKey) =>
      new SignJWT({ jti: `jti-${jti++}`, ...claims }).setProtectedHeader({ alg: 'ES256', ...header }).sign(key);
    const refused = { status: 400, challenge: null, error: 'invalid_client' };
    const defects: readonly (readonly [string, Promise<string>])[] = [
      ['another key', sign(good, {}, stranger.privateKey)],
      ['an embedded key', sign(good, { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey)],
      ['another subject', sign({ ...good, sub: 'run01nobody' })],
      ['another issuer', sign({ ...good, iss: 'x' })],
      ['the token endpoint as audience', sign({ ...good, aud: `${world.corridor.issuer}/token` })],
      ['two audiences', sign({ ...good, aud: [world.corridor.issuer, 'x'] })],
      ['one audience in a list', sign({ ...good, aud: [world.corridor.issuer] })],
      ['a slash more', sign({ ...good, aud: `${world.corridor.issuer}/` })],
      ['no expiry', sign({ ...good, exp: undefined })],
      ['an expiry in text', sign({ ...good, exp: String(now + 60) })],
      ['expired', sign({ ...good, exp: now - 1 })],
      ['a long life', sign({ ...good, exp: now + 86_400 })],
      ['issued in the future', sign({ ...good, iat: now + 61 + 5 })],
      ['no jti', sign({ ...good, jti: undefined })],
      ['another type', sign(good, { typ: 'at+jwt' })],
      ['a dpop proof', sign(good, { typ: 'dpop+jwt' })],
      ['critical extensions', sign(good, { crit: ['b64'], b64: true })],
    ];
    for (const [name, assertion] of defects) expect({ name, ...(await assert(await assertion)) }).toEqual({ name, ...refused });
    const [head = '', body = '', signature = ''] = (await sign(good)).split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const broken of [
      `${none}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}=`,
      ` ${head}.${body}.${signature}`,
      `${head}..${signature}`,
    ]) {
      expect(await assert(broken)).toEqual(refused);
    }

    const reused = await sign({ ...good, jti: 'once' });
    const forged = await sign({ ...good, jti: 'once' }, {}, stranger.privateKey);
    expect(await assert(forged)).toEqual(refused);
    expect(await assert(reused)).toMatchObject({ status: 200 });
    expect(await assert(reused)).toEqual(refused);
    for (const typ of ['JWT', 'jwt', 'client-authentication+jwt', 'application/client-authentication+JWT'])
      expect((await assert(await sign(good, { typ }))).status).toBe(200);
    expect((await assert(await sign({ ...good, iat: now + 9 }))).status).toBe(200);

    expect(await assert(await sign(good), { client_id: 'run01nobody' })).toEqual(refused);
  });

  it('is spent once however many send it at the same time (B34)', async () => {
    const { id, privateKey } = await world.startRunWithKey('ES256');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: id, sub: id, aud: world.corridor.issuer, exp: now + 60, jti: 'raced' };
    const raced = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    const answers = await Promise.all(Array.from({ length: 50 }, () => assert(raced)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ error }) => error === 'invalid_client' || error === 'slow_down')).toHaveLength(49);
  });

  it('of a run that has ended is somebody, and is refused as such (B41)', async () => {
    const { id, privateKey } = await world.startRunWithKey('EdDSA');
    await world.endRun(id);
    const claims = { iss: id, sub: id, aud: world.corridor.issuer, exp: Math.floor(Date.now() / 1000) + 60, jti: 'late' };
    const late = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
    expect(await assert(late)).toMatchObject({ status: 400, error: 'unauthorized_client' });
  });

  it('cannot be replaced by a secret, nor a secret by it (B14)', async () => {
    const byKey = await world.startRunWithKey('EdDSA');
    expect(await token({ id: byKey.id, secret: 'x'.repeat(43) })).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });
});
