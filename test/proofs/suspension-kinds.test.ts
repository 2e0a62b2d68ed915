import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';

const owner = 'search-team@example.com';
const exposure = z.array(z.looseObject({ issuance: z.string(), run: z.string(), revocation: z.string() }));
const answer = z.looseObject({
  id: z.string(),
  target: z.string().optional(),
  covers: z.object({ runs: z.number() }).optional(),
  exposure,
});

let world: World;
let auditorKey: string;
beforeAll(async () => {
  world = await startWorld();
  const made = await world.corridor.api('POST', '/v1/keys', { name: 'an auditor', roles: ['auditor'] });
  auditorKey = z.object({ key: z.string() }).parse(made.body).key;
}, 60_000);
afterAll(() => world.stop());

async function token(run: RunBySecret) {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm }),
  });
  return { status: response.status, body: z.looseObject({}).parse(await response.json()) };
}

async function raise(kind: string, id?: string) {
  const { status, body } = await world.corridor.api('POST', '/v1/suspensions', {
    kind,
    ...(id === undefined ? {} : { id }),
    reason: 'leaked image',
  });
  expect(status).toBe(201);
  return answer.parse(body);
}

const lift = (id: string) => world.corridor.api('DELETE', `/v1/suspensions/${id}`);

describe('a suspension', () => {
  it.each([
    ['run', (run: string) => run],
    ['agent', () => 'a leaked agent'],
    ['workflow', () => 'nightly-index'],
    ['owner', () => owner],
    ['operator', () => 'ada@example.com'],
    ['purpose', () => 'search-indexing'],
    ['client', () => 'indexer'],
    ['resource', () => 'crm'],
    ['runtime', () => 'ci'],
    ['authorization_server', () => 'upstream'],
    ['everything', () => undefined],
  ])('of kind %s stops a run and its child, shows what they held, and is lifted', async (kind, target) => {
    const run = await world.startRun({ operator: 'ada@example.com', agent: { name: 'a leaked agent' } });
    const child = await world.startRun({ parent: run.id, operator: 'eve@example.com' });
    for (const one of [run, child]) expect((await token(one)).status).toBe(200);
    const raised = await raise(kind, target(run.id));
    expect(raised.exposure.filter((exposed) => [run.id, child.id].includes(exposed.run))).toHaveLength(2);
    const namesRuns = !['client', 'resource', 'authorization_server'].includes(kind);
    if (namesRuns) expect(raised.covers?.runs).toBeGreaterThanOrEqual(2);
    else expect(raised.covers).toBeUndefined();
    for (const one of [run, child]) {
      expect(await token(one)).toMatchObject({
        status: 400,
        body: { error: 'access_denied', reasons: [{ code: 'suspended', kind, suspension: raised.id }] },
      });
    }
    expect((await lift(raised.id)).status).toBe(200);
    for (const one of [run, child]) expect((await token(one)).status).toBe(200);
    await world.endRun(run.id);
  });

  it('of an operator covers runs of that name to come, takes the commitment too, and names nobody', async () => {
    const raised = await raise('operator', 'mallory@example.com');
    expect(raised).toMatchObject({ target: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), covers: { runs: 0 }, exposure: [] });
    const run = await world.startRun({ operator: 'mallory@example.com' });
    expect((await token(run)).status).toBe(400);
    const again = await raise('operator', raised.target);
    expect(again).toMatchObject({ target: raised.target, covers: { runs: 1 } });
    const { body } = await world.corridor.api('GET', '/v1/entries?type=suspension.raised');
    expect(JSON.stringify(body)).toContain(raised.target);
    expect(JSON.stringify(body)).not.toContain('mallory');
    for (const { id } of [raised, again]) await lift(id);
    expect((await token(run)).status).toBe(200);
  });

  it.each(['workflow', 'client', 'resource', 'runtime', 'owner', 'purpose', 'authorization_server', 'run'])(
    'of a misspelt %s is no stop',
    async (kind) => {
      const misspelt = await world.corridor.api('POST', '/v1/suspensions', { kind, id: 'nigthly', reason: 'a slip' });
      expect(misspelt).toMatchObject({ status: 404, body: { code: 'target_unknown' } });
    },
  );

  it('of an agent that nobody has seen says that it covers no run', async () => {
    const raised = await raise('agent', 'a stranger');
    expect(raised.covers).toEqual({ runs: 0 });
    await lift(raised.id);
  });

  it.each([{ reason: 'a\u0000b' }, { reason: '' }, { id: 'a\u0000b' }, { id: 'x'.repeat(201) }])('is refused for %j', async (wrong) => {
    const body = { kind: 'agent', id: 'a', reason: 'a test', ...wrong };
    expect(await world.corridor.api('POST', '/v1/suspensions', body)).toMatchObject({ status: 400, body: { code: 'malformed' } });
  });
});

describe('the follow-up of a suspension', () => {
  it('tells of each token what became of it, also when it is lifted', async () => {
    const run = await world.startRun();
    await token(run);
    const { id, exposure: atFirst } = await raise('run', run.id);
    await lift(id);
    const read = async () => (await world.corridor.api('GET', `/v1/suspensions/${id}`, undefined, auditorKey)).body;
    const fate = async () => answer.parse(await read()).exposure[0]?.revocation;
    await until(async () => (await fate()) !== 'pending');
    expect(await read()).toEqual({
      id,
      kind: 'run',
      target: run.id,
      reason: 'leaked image',
      raised_by: 'admin',
      raised_at: expect.any(String),
      epoch: expect.stringMatching(/^inc[0-9a-z]+:\d+$/),
      expires_at: null,
      lifted_by: 'admin',
      lifted_at: expect.any(String),
      exposed: {
        revoked: 0,
        pending: 0,
        given_up: 0,
        unsupported: 1,
        expired: 0,
        never_issued: 0,
        live_until: expect.any(String),
        complete: true,
      },
      exposure: [
        {
          issuance: atFirst[0]?.issuance,
          state: 'issued',
          run: run.id,
          workflow: 'nightly-index',
          client: 'indexer',
          resource: 'crm',
          authorization_server: 'upstream',
          expires_at: expect.any(String),
          revocation: 'unsupported',
        },
      ],
      next: null,
    });
    const { body } = await world.corridor.api('GET', '/v1/suspensions', undefined, auditorKey);
    expect(JSON.stringify(body)).not.toContain(id);
    const { body: all } = await world.corridor.api('GET', '/v1/suspensions?all=true', undefined, auditorKey);
    expect(JSON.stringify(all)).toContain(id);
  }, 60_000);

  it('is refused for what is no suspension, and for a cursor of something else', async () => {
    for (const id of ['sus01nobody', 'x', "sus'--"])
      expect((await world.corridor.api('GET', `/v1/suspensions/${encodeURIComponent(id)}`)).status).toBe(404);
    expect((await world.corridor.api('GET', '/v1/suspensions/sus01nobody?cursor=x')).status).toBe(400);
    expect((await world.corridor.api('GET', '/v1/suspensions?all=perhaps')).status).toBe(400);
  });
});
