import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import pg from 'pg';
import { z } from 'zod';
import { awake } from '../rig/awake.js';
import { until } from '../rig/command-line.js';
import { startPostgres } from '../rig/postgres.js';
import { basic, crm, form, issue, TokenDoor, type KeyRun, type SecretRun, type TokenAnswer } from '../http/token-door.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

let databaseUrl: string;
let one: TokenDoor;
let other: TokenDoor;
const issuer = 'https://corridor.example/oauth2';
const grant = { grant_type: 'client_credentials', resource: crm };

async function assertion({ id, privateKey }: KeyRun, jti: string, exp = Math.floor(Date.now() / 1000) + 60): Promise<string> {
  const text = await new SignJWT({ iss: id, sub: id, aud: issuer, exp, jti }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return form({ ...grant, client_assertion: text, client_assertion_type: type });
}

/** The body of the answer, which is a good one. */
async function post({ corridor }: TokenDoor, endpoint: 'introspect' | 'revoke', token: string, authorization: string): Promise<string> {
  const body = new URLSearchParams({ token });
  const response = await fetch(`${corridor.url}/oauth2/${endpoint}`, { method: 'POST', headers: { authorization }, body });
  expect(response.status).toBe(200);
  return response.text();
}

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('two replicas on one database', () => {
  beforeAll(async () => {
    databaseUrl = (await postgres?.freshDatabase()) ?? '';
    const env = { CORRIDOR_DATABASE_URL: databaseUrl, CORRIDOR_PUBLIC_URL: 'https://corridor.example' };
    one = await TokenDoor.open({ env });
    other = await one.beside({ env });
  }, 60_000);
  afterAll(async () => {
    await other.close();
    await one.close();
  });

  it('spend an assertion once between them, however many send it (B34)', async () => {
    const run = await one.startRunWithKey();
    const raced = await assertion(run, 'raced');
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : other).send(raced)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const failed = answers.filter(({ body }) => body['error'] === 'invalid_client' || body['error'] === 'slow_down');
    expect(failed).toHaveLength(99);
  });

  it('remember it for a while longer than it lives (B33)', async () => {
    const run = await one.startRunWithKey();
    const exp = Math.floor(Date.now() / 1000) + 30;
    expect((await other.send(await assertion(run, 'remembered', exp))).status).toBe(200);
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query<{ longest: Date }>(
      'select max(expires_at) as longest from assertion_seen where expires_at > to_timestamp($1)',
      [exp],
    );
    await client.end();
    expect((rows[0]?.longest.getTime() ?? 0) / 1000).toBeGreaterThanOrEqual(exp + 60);
  });

  it('take a secret that was given at the other, and no longer the one before it', async () => {
    const first = await one.startRunOnce('given-anew');
    for (const door of [one, other]) expect((await door.ask(first)).status).toBe(200);
    const second = await one.startRunOnce('given-anew');
    expect(second.id).toBe(first.id);
    // the other one remembers the first: once it meets the new secret before the old one, and once after it
    expect((await other.ask(second)).status).toBe(200);
    expect((await other.ask(first)).status).toBe(401);
    const third = await one.startRunOnce('given-anew');
    expect((await other.ask(second)).status).toBe(401);
    expect((await other.ask(third)).status).toBe(200);
    for (const old of [first, second]) expect((await one.ask(old)).status).toBe(401);
    expect((await one.ask(third)).status).toBe(200);
  });

  it('take no secret that was replaced at the other for anything else, either', async () => {
    const first = await one.startRunOnce('replaced');
    const { body } = await other.ask(first); // which remembers it from now on
    const second = await one.startRunOnce('replaced');
    const answerTo = async ({ id, secret }: typeof first, endpoint: string): Promise<unknown> => {
      const headers = { authorization: basic(id, secret) };
      const token = new URLSearchParams({ token: String(body['access_token']) });
      const response = await fetch(`${other.corridor.url}/oauth2/${endpoint}`, { method: 'POST', headers, body: token });
      return { status: response.status, ...(endpoint === 'introspect' && response.ok ? ((await response.json()) as object) : {}) };
    };
    for (const endpoint of ['introspect', 'revoke']) expect(await answerTo(first, endpoint)).toEqual({ status: 401 });
    expect(await answerTo(second, 'introspect')).toMatchObject({ status: 200, active: true });
  });

  it.each([
    ['its run was ended', (run: SecretRun) => one.endRun(run.id)],
    ['it was revoked', (run: SecretRun, token: string) => post(one, 'revoke', token, basic(run.id, run.secret))],
    ['its run was suspended', ({ id }: SecretRun) => one.corridor.api('POST', '/v1/suspensions', { kind: 'run', id, reason: 'a drill' })],
  ])('call a token inactive from the moment on that %s at one of them (B98)', async (_, stop) => {
    const enrolled = await one.corridor.api('POST', '/v1/keys', { name: 'crm server', roles: ['resource-server'], resource: 'crm' });
    const run = await one.startRun();
    const token = z.string().parse((await one.ask(run)).body['access_token']);
    const asBoth = [basic(run.id, run.secret), `Bearer ${z.object({ key: z.string() }).parse(enrolled.body).key}`];
    const seen = async (): Promise<readonly string[]> =>
      Promise.all([other, one].flatMap((door) => asBoth.map((who) => post(door, 'introspect', token, who))));
    expect((await seen()).map((text) => (JSON.parse(text) as Record<string, unknown>)['active'])).toEqual([true, true, true, true]);
    await stop(run, token);
    expect(await seen()).toEqual(Array(4).fill('{"active":false}'));
  });

  it('give no token when the database is gone between the answer of the server and the record (B45), nor to an assertion after that (B36)', async () => {
    const [bySecret, byKey] = [await one.startRun(), await one.startRunWithKey()];
    expect((await one.send(await assertion(byKey, 'before'))).status).toBe(200);
    let haveStopped = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (haveStopped = resolve));
    one.server.at('/token', async (response, request) => {
      await stopped;
      await issue()(response, request);
    });
    const before = one.upstreamRequests;
    const asked = one.send(form(grant), { authorization: basic(bySecret.id, bySecret.secret) });
    await until(() => one.upstreamRequests > before);
    expect(one.upstreamRequests).toBe(before + 1);
    await postgres?.stop();
    haveStopped();
    for (const answer of [await asked, await one.send(await assertion(byKey, 'after')), await one.ask(bySecret)]) expectUnavailable(answer);
    const began = awake();
    for (const { url } of [one.corridor, other.corridor]) {
      const ready = await fetch(`${url}/readyz`);
      expect({ status: ready.status, body: (await ready.json()) as unknown }).toMatchObject({
        status: 503,
        body: { ready: false, reasons: [{ code: 'database_unreachable' }] },
      });
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    }
    expect(awake() - began).toBeLessThan(5_000);
  }, 60_000);
});

function expectUnavailable({ status, body }: TokenAnswer): void {
  expect({ status, error: body['error'], token: body['access_token'] }).toEqual({
    status: 503,
    error: 'temporarily_unavailable',
    token: undefined,
  });
}
