import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { basic, crm, reports, startGivenTokensWorld, type Answer, type GivenTokensWorld } from './given-tokens-world.js';
import type { RunBySecret } from '../interop/world.js';
import { earlyInMinute } from '../rig/calendar-minute.js';
import { until } from '../rig/command-line.js';

let world: GivenTokensWorld;
beforeAll(async () => {
  world = await startGivenTokensWorld();
}, 60_000);
afterAll(() => world.stop());
beforeEach(() => world.authorizationServer.outages({}));

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

async function report(run: RunBySecret, form: Readonly<Record<string, string>>, authorization = basic(run)): Promise<Answer> {
  const response = await fetch(`${world.corridor.url}/v1/tokens/rejected`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  const body: unknown = text === '' ? null : JSON.parse(text);
  return { status: response.status, headers: response.headers, text, body };
}

async function entriesOf(run: RunBySecret, type: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await world.corridor.api('GET', `/v1/entries?limit=200&run=${run.id}&type=${type}`);
  return z.object({ entries: z.array(z.record(z.string(), z.unknown())) }).parse(body).entries;
}

describe('a token that its resource rejects', () => {
  it('is dropped once when the run that holds it says so, recorded, revoked at its server, and the next request gets another', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    expect(await world.tokenFor(run)).toBe(token);
    const first = await report(run, { token });
    expect([first.status, first.text]).toEqual([204, '']);
    expect((await world.ask('introspect', { token }, basic(run))).body).toEqual({ active: false });
    const next = await world.tokenFor(run);
    expect(next).not.toBe(token);

    expect((await report(run, { token })).status).toBe(204);
    expect(await world.tokenFor(run)).toBe(next);
    const [entry, ...more] = await entriesOf(run, 'token.rejected');
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      run: run.id,
      workflow: 'nightly-index',
      owner: 'search-team@example.com',
      issuance: expect.stringMatching(/^iss/) as unknown,
      client: 'indexer',
      resource: { id: 'crm' },
      token: { sha256: sha256(token) },
    });
    const revoked = async () =>
      (await world.authorizationServer.issued()).some((one) => one.sha256 === sha256(token) && one.revoked_at !== null);
    for (let look = 0; look < 100 && !(await revoked()); look++) await wait(100);
    expect(await revoked()).toBe(true);
    await until(async () => (await entriesOf(run, 'token.revoked')).length > 0);
    expect((await entriesOf(run, 'token.revoked')).map(({ token: one }) => (one as { sha256: string }).sha256)).toEqual([sha256(token)]);
  });

  it('is dropped for all who share it', async () => {
    const [one, other] = [await world.startRun({ operator: 'share' }), await world.startRun({ operator: 'share' })];
    const token = await world.tokenFor(one);
    expect(await world.tokenFor(other)).toBe(token);
    expect((await report(other, { token })).status).toBe(204);
    const next = await world.tokenFor(one);
    expect(next).not.toBe(token);
    expect(await world.tokenFor(other)).toBe(next);
    expect((await report(one, { token })).status).toBe(204);
    expect(await world.tokenFor(one)).toBe(next);
  });

  it('is asked for once, however many reports come at once', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    const answers = await Promise.all(Array.from({ length: 20 }, () => report(run, { token })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    expect(await entriesOf(run, 'token.rejected')).toHaveLength(1);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => world.tokenFor(run)));
    expect(new Set(tokens).size).toBe(1);
    expect(await entriesOf(run, 'token.requested')).toHaveLength(2);
  });

  it('is not dropped a fourth time in a minute, so that nobody makes a storm of it', async () => {
    await earlyInMinute();
    const run = await world.startRun();
    for (let time = 0; time < 3; time++) expect((await report(run, { token: await world.tokenFor(run) })).status).toBe(204);
    const token = await world.tokenFor(run);
    const { status, headers, body } = await report(run, { token });
    expect([status, body]).toEqual([429, expect.objectContaining({ status: 429, code: 'slow_down' })]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await world.tokenFor(run)).toBe(token);
    expect(await entriesOf(run, 'token.rejected')).toHaveLength(3);
    // of another resource, and of another run, it still is
    expect((await report(run, { token: await world.tokenFor(run, reports) })).status).toBe(204);
    const another = await world.startRun();
    expect((await report(another, { token: await world.tokenFor(another) })).status).toBe(204);
  });

  it('is nothing to another run, and unknown ones are nothing to anybody', async () => {
    const [run, stranger] = [await world.startRun(), await world.startRun()];
    const token = await world.tokenFor(run);
    for (const form of [{ token }, { token: 'garbage' }]) expect((await report(stranger, form)).status).toBe(204);
    expect(await world.tokenFor(run)).toBe(token);
    expect(await entriesOf(stranger, 'token.rejected')).toEqual([]);
  });

  it('must be named by somebody', async () => {
    const run = await world.startRun();
    const token = await world.tokenFor(run);
    expect(await report(run, { token }, basic({ ...run, secret: 'wrong' }))).toMatchObject({
      status: 401,
      body: { code: 'invalid_client' },
    });
    expect(await report(run, {})).toMatchObject({ status: 400, body: { code: 'invalid_request', detail: 'token is missing' } });
    expect(await world.tokenFor(run)).toBe(token);
  });

  it('is not even asked about with something else than a form by POST', async () => {
    const { status } = await world.corridor.api('GET', '/v1/tokens/rejected');
    expect(status).toBe(404);
    expect((await world.corridor.api('POST', '/v1/tokens/rejected', { token: crm })).status).toBe(400);
  });
});
