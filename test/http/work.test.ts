import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { basic, startGivenTokensWorld, type Answer, type GivenTokensWorld } from './given-tokens-world.js';

let world: GivenTokensWorld;
let auditor: string;
beforeAll(async () => {
  world = await startGivenTokensWorld();
  const made = await world.corridor.api('POST', '/v1/keys', { name: 'grace', roles: ['auditor'] });
  auditor = z.object({ key: z.string() }).parse(made.body).key;
}, 60_000);
afterAll(() => world.stop());
beforeEach(async () => {
  // nothing is owed since the test before
  await world.authorizationServer.outages({});
  await until(async () => (await listed()).every(({ state }) => state === 'given_up'));
  await world.authorizationServer.outages({ 'POST /token/revocation': 503 });
}, 60_000);

const page = z.object({
  work: z.array(z.looseObject({ id: z.string(), state: z.string(), run: z.string().nullable() })),
  next: z.string().nullable(),
});

async function listed(query = '') {
  return page.parse((await world.corridor.api('GET', `/v1/work${query}`, undefined, auditor)).body).work;
}

/** A token that its run handed back, and that its server did not revoke. */
async function refusedRevocation(): Promise<{ readonly run: string; readonly work: string; readonly again: () => Promise<Answer> }> {
  const run = await world.startRun();
  const token = await world.tokenFor(run);
  const again = () => world.ask('revoke', { token }, basic(run));
  expect((await again()).status).toBe(503);
  const found = (await listed()).find((one) => one.run === run.id);
  return { run: run.id, work: found?.id ?? '', again };
}

const exposure = async (run: string) =>
  z.object({ tokens: z.array(z.unknown()) }).parse((await world.corridor.api('GET', `/v1/exposure?run=${run}`)).body).tokens;

describe('work that is owed', () => {
  it('is listed with what it is about, how often it was tried and why it did not succeed', async () => {
    const { run, work } = await refusedRevocation();
    expect((await listed('?kind=revoke')).find(({ id }) => id === work)).toEqual({
      id: work,
      kind: 'revoke',
      subject: expect.stringMatching(/^iss/),
      state: expect.stringMatching(/^(due|waiting)$/),
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      attempts: expect.any(Number),
      last_error: 'server_unavailable',
      next_attempt_at: expect.any(String),
      given_up_at: null,
      run,
      workflow: 'nightly-index',
      client: 'indexer',
      resource: 'crm',
      lives_until: expect.any(String),
    });
    expect(await listed('?kind=rotate')).toEqual([]);
    await refusedRevocation();
    const first = page.parse((await world.corridor.api('GET', '/v1/work?limit=1')).body);
    const second = page.parse((await world.corridor.api('GET', `/v1/work?limit=1&cursor=${first.next ?? ''}`)).body);
    expect(first.work[0]?.id).not.toBe(second.work[0]?.id);
  });

  it('that is given up stands so in exposure, in the follow-up of a suspension and in posture, and is taken up again by hand', async () => {
    const { run, work, again } = await refusedRevocation();
    const raised = await world.corridor.api('POST', '/v1/suspensions', { kind: 'run', id: run, reason: 'a test' });
    const { id: suspension } = z.looseObject({ id: z.string() }).parse(raised.body);
    const given = await world.corridor.api('POST', `/v1/work/${work}/give-up`, { reason: 'the server is gone' });
    expect(given).toMatchObject({
      status: 200,
      body: { id: work, kind: 'revoke', state: 'given_up', entry: expect.stringMatching(/^ent/) },
    });
    expect(await exposure(run)).toMatchObject([{ run, revocation: 'given_up', revocable: true, expires_at: expect.any(String) }]);
    expect((await world.corridor.api('GET', `/v1/suspensions/${suspension}`)).body).toMatchObject({
      exposed: { pending: 0, given_up: 1, live_until: expect.any(String) },
      exposure: [{ run, revocation: 'given_up', last_error: 'server_unavailable', next_attempt_at: null, expires_at: expect.any(String) }],
    });
    const asked = async () => (await world.authorizationServer.requests())['POST /token/revocation'];
    const before = await asked();
    expect(await again()).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
    expect(await asked()).toBe(before);
    expect((await world.corridor.api('GET', '/v1/posture')).body).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ code: 'work_given_up', subject: 'client indexer' })]),
    });
    expect(await listed('?state=given_up')).toMatchObject([{ id: work, given_up_at: expect.any(String), next_attempt_at: null }]);
    const entries = async (type: string) => (await world.corridor.api('GET', `/v1/entries?type=${type}&run=${run}`)).body;
    expect(await entries('work.given_up')).toMatchObject({
      entries: [{ work, kind: 'revoke', given_up_by: 'admin', reason: 'the server is gone', fault: 'server_unavailable' }],
    });

    await world.authorizationServer.outages({});
    const retried = await world.corridor.api('POST', `/v1/work/${work}/retry`, { reason: 'it is back' });
    expect(retried).toMatchObject({ status: 200, body: { id: work, state: 'due' } });
    for (const until = Date.now() + 40_000; (await exposure(run)).length > 0 && Date.now() < until;)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await exposure(run)).toEqual([]);
    expect(await entries('work.retried')).toMatchObject({ entries: [{ work, retried_by: 'admin', reason: 'it is back' }] });
    expect(await listed('?state=given_up')).toEqual([]);
    for (const action of ['work.given_up', 'work.retried'])
      expect(world.corridor.output()).toMatch(new RegExp(`"action":"${action}","by":"admin",.*"subject":"${work}"`));
  }, 90_000);

  it('is refused where it is not there, or not asked for as it must be', async () => {
    const { work } = await refusedRevocation();
    const post = (route: string, body: unknown) => world.corridor.api('POST', `/v1/work/${route}`, body);
    expect(await post(`${work}/give-up`, {})).toMatchObject({ status: 400, body: { code: 'malformed' } });
    expect(await post('wrk01nobody/retry', {})).toMatchObject({ status: 404, body: { code: 'work_unknown' } });
    expect(await post('iss01nobody/give-up', { reason: 'x' })).toMatchObject({ status: 404, body: { code: 'work_unknown' } });
    expect((await post(`${work}/give-up`, { reason: 'x' })).status).toBe(200);
    expect(await post(`${work}/give-up`, { reason: 'x' })).toMatchObject({ status: 409, body: { code: 'work_moved' } });
    for (const query of ['kind=other', 'state=done', 'limit=0', 'planet=mars'])
      expect(await world.corridor.api('GET', `/v1/work?${query}`)).toMatchObject({ status: 400, body: { code: 'malformed' } });
    expect(await world.corridor.api('GET', '/v1/work?cursor=x')).toMatchObject({ status: 400, body: { code: 'cursor_invalid' } });
  });
});
