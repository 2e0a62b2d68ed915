import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import type { RunByKey } from '../interop/world.js';
import { basic, crm, reports, startGivenTokensWorld, type GivenTokensWorld } from './given-tokens-world.js';

let world: GivenTokensWorld;
beforeAll(async () => {
  world = await startGivenTokensWorld();
}, 60_000);
afterAll(() => world.stop());
beforeEach(() => world.authorizationServer.outages({}));

const REVOCATION = 'POST /token/revocation';
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Whether the authorization server says that it revoked the token. */
async function revokedThere(token: string): Promise<boolean> {
  const issued = await world.authorizationServer.issued();
  return issued.some((one) => one.sha256 === sha256(token) && one.revoked_at !== null);
}

/** Of what type the entries are that name the token, in order. */
async function entriesOf(token: string): Promise<readonly string[]> {
  const { body } = await world.corridor.api('GET', `/v1/trace?token_sha256=${sha256(token)}`);
  const trace = z.object({ entry: z.object({ type: z.string() }), entries: z.array(z.object({ type: z.string() })) }).parse(body);
  return [trace.entry, ...trace.entries].map(({ type }) => type);
}

async function revocationOf(token: string): Promise<unknown> {
  const { body } = await world.corridor.api('GET', `/v1/trace?token_sha256=${sha256(token)}`);
  return z.object({ token: z.looseObject({ revocation: z.string().optional() }) }).parse(body).token.revocation ?? null;
}

function assertionOf({ id, privateKey }: RunByKey, audience: string): Promise<string> {
  return new SignJWT({ jti: `${Math.random()}` })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(privateKey);
}

const byAssertion = (assertion: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: assertion,
});

describe('the revocation endpoint', () => {
  it('revokes a token here and at its server, and says so with an empty 200 (B91, B93)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const { status, headers, text } = await world.ask('revoke', { token }, basic(run));
    expect({ status, text, cache: headers.get('cache-control') }).toEqual({ status: 200, text: '', cache: 'no-store' });
    expect(await revokedThere(token)).toBe(true);
    expect(await revocationOf(token)).toBe('revoked');
    expect(await entriesOf(token)).toContain('token.revoked');
    expect(await world.tokenFor(run)).not.toBe(token);
  });

  it.each(['refresh_token', 'access_token', 'nonsense', ''])('finds a token whatever the hint %j says (B91)', async (hint) => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    expect((await world.ask('revoke', { token, token_type_hint: hint }, basic(run))).status).toBe(200);
    expect(await revokedThere(token)).toBe(true);
  });

  it.each([
    ['that nobody knows', 'garbage'],
    ['that looks like a JWT', 'a.b.c'],
    ['with letters that no token has', 'ü"\\'],
    ['that is very long', 'x'.repeat(10_000)],
  ])('answers 200 to a token %s (B91)', async (_, token) => {
    const run = await world.startRun();
    const { status, text } = await world.ask('revoke', { token }, basic(run));
    expect({ status, text }).toEqual({ status: 200, text: '' });
  });

  it('takes the secret in the body and the assertion of a key too (B91)', async () => {
    const bySecret = await world.startRun();
    const token = await world.tokenFor(bySecret);
    expect((await world.ask('revoke', { token, client_id: bySecret.id, client_secret: bySecret.secret })).status).toBe(200);
    expect(await revokedThere(token)).toBe(true);
    const byKey = await world.startRunWithKey();
    const given = await world.ask('token', {
      grant_type: 'client_credentials',
      resource: crm,
      ...byAssertion(await assertionOf(byKey, world.corridor.issuer)),
    });
    const { access_token: other } = z.object({ access_token: z.string() }).parse(given.body);
    const revoked = await world.ask('revoke', { token: other, ...byAssertion(await assertionOf(byKey, world.corridor.issuer)) });
    expect({ status: revoked.status, there: await revokedThere(other) }).toEqual({ status: 200, there: true });
  });

  it('takes no assertion that was spent at another endpoint, nor one for its own URL (B42)', async () => {
    const run = await world.startRunWithKey();
    const assertion = await assertionOf(run, world.corridor.issuer);
    const form = { grant_type: 'client_credentials', resource: crm, ...byAssertion(assertion) };
    expect((await world.ask('token', form)).status).toBe(200);
    const replayed = await world.ask('revoke', { token: 'x', ...byAssertion(assertion) });
    const elsewhere = await world.ask('revoke', { token: 'x', ...byAssertion(await assertionOf(run, `${world.corridor.issuer}/revoke`)) });
    for (const { status, body } of [replayed, elsewhere]) {
      expect({ status, body }).toEqual({ status: 400, body: { error: 'invalid_client', error_description: expect.any(String) } });
    }
  });

  it('wants a token, a form and POST, and somebody who authenticates (B91)', async () => {
    const run = await world.startRun();
    expect(await world.ask('revoke', {}, basic(run))).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await world.ask('revoke', { token: '' }, basic(run))).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await world.ask('revoke', { token: 'x' })).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
    const wrong = await world.ask('revoke', { token: 'x' }, basic({ id: run.id, secret: 'wrong' }));
    expect(wrong).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(wrong.headers.get('www-authenticate')).toMatch(/^Basic /);
    const read = await fetch(`${world.corridor.issuer}/revoke?token=x`, { headers: { authorization: basic(run) } });
    expect({ status: read.status, allow: read.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
    const inUrl = await fetch(`${world.corridor.issuer}/revoke?token=x`, { method: 'POST', headers: { authorization: basic(run) } });
    expect(await inUrl.json()).toMatchObject({ error: 'invalid_request' });
    const json = await fetch(`${world.corridor.issuer}/revoke`, {
      method: 'POST',
      headers: { authorization: basic(run), 'content-type': 'application/json' },
      body: '{"token":"x"}',
    });
    expect({ status: json.status, body: (await json.json()) as unknown }).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });

  it('changes nothing about a token of another run, and does not say that there is one (B92, D8)', async () => {
    const [owner, thief] = [await world.startRun(), await world.startRun()];
    const token = await world.tokenFor(owner);
    const foreign = await world.ask('revoke', { token }, basic(thief));
    const unknown = await world.ask('revoke', { token: 'garbage' }, basic(thief));
    expect([foreign.status, foreign.text]).toEqual([unknown.status, unknown.text]);
    expect([...foreign.headers.keys()]).toEqual([...unknown.headers.keys()]);
    expect(await revokedThere(token)).toBe(false);
    expect(await revocationOf(token)).toBe(null);
    expect(await world.tokenFor(owner)).toBe(token);
    expect(world.corridor.output()).toContain(`"event":"foreign_token","surface":"revocation","subject":"${thief.id}"`);
  });

  it('does not call it done while the server is down, but hands the token to nobody (B93)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    await world.authorizationServer.outages({ [REVOCATION]: 503 });
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, headers, body } = await world.ask('revoke', { token }, basic(run));
      expect({ status, body }).toEqual({ status: 503, body: { error: 'temporarily_unavailable', error_description: expect.any(String) } });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await revocationOf(token)).toBe('pending');
      expect(await world.tokenFor(run)).not.toBe(token);
    }
    await world.authorizationServer.outages({});
    expect((await world.ask('revoke', { token }, basic(run))).status).toBe(200);
    expect({ there: await revokedThere(token), here: await revocationOf(token) }).toEqual({ there: true, here: 'revoked' });
  });

  it('goes on by itself when nobody asks again (B93)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    await world.authorizationServer.outages({ [REVOCATION]: 503 });
    expect((await world.ask('revoke', { token }, basic(run))).status).toBe(503);
    await world.authorizationServer.outages({});
    const deadline = Date.now() + 15_000;
    while (!(await revokedThere(token)) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await revokedThere(token)).toBe(true);
  });

  it('says until when a token may work that its server cannot revoke, and hands it to nobody (B94)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run, reports);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { status, body } = await world.ask('revoke', { token }, basic(run));
      expect({ status, body }).toEqual({
        status: 400,
        body: {
          error: 'unsupported_token_type',
          error_description: expect.stringMatching(/until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        },
      });
    }
    expect(await revocationOf(token)).toBe('unsupported');
    expect(await world.tokenFor(run, reports)).not.toBe(token);
  });

  it('is the same for one as for many at once, and asks the server no more often than it must (B94)', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const before = (await world.authorizationServer.requests())[REVOCATION] ?? 0;
    const answers = await Promise.all(Array.from({ length: 16 }, () => world.ask('revoke', { token, callback: 'alert' }, basic(run))));
    expect(answers.map(({ status, text }) => `${status}${text}`)).toEqual(Array<string>(16).fill('200'));
    const asked = ((await world.authorizationServer.requests())[REVOCATION] ?? 0) - before;
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(4);
    expect((await entriesOf(token)).filter((type) => type === 'token.revoked')).toHaveLength(1);
  });

  it('revokes a shared token for everybody who shares it, and for nobody who does not', async () => {
    const [one, other, stranger] = [
      await world.startRun({ operator: 'share' }),
      await world.startRun({ operator: 'share' }),
      await world.startRun(),
    ];
    const token = await world.tokenFor(one);
    expect(await world.tokenFor(other)).toBe(token);
    expect((await world.ask('revoke', { token }, basic(stranger))).status).toBe(200);
    expect(await revokedThere(token)).toBe(false);
    expect((await world.ask('revoke', { token }, basic(other))).status).toBe(200);
    expect(await revokedThere(token)).toBe(true);
    expect(await world.tokenFor(one)).not.toBe(token);
  });

  it('lets a run that has ended say that its token is to go', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    await world.endRun(run.id);
    expect((await world.ask('revoke', { token }, basic(run))).status).toBe(200);
    expect(await revokedThere(token)).toBe(true);
  });
});
