import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { startWorld, type World } from '../interop/world.js';
import { until } from '../rig/command-line.js';

let world: World;
let responder: string;
beforeAll(async () => {
  world = await startWorld();
  const made = await world.corridor.api('POST', '/v1/keys', { name: 'bob', roles: ['responder'] });
  responder = z.object({ key: z.string() }).parse(made.body).key;
  const source = await readFile(world.corridor.configFile, 'utf8');
  const applied = await world.corridor.api('POST', '/v1/apply', { source: `${source}suspensions: { lifted_by: another_person }\n` });
  expect(applied).toMatchObject({ status: 200, body: { applied: true } });
  expect(JSON.stringify(applied.body)).toContain('suspensions.lifted_by: anyone -> another_person');
}, 60_000);
afterAll(() => world.stop());

async function raise(body: Readonly<Record<string, unknown>>, key?: string): Promise<string> {
  const raised = await world.corridor.api('POST', '/v1/suspensions', { reason: 'a test', ...body }, key);
  return z.looseObject({ id: z.string() }).parse(raised.body).id;
}

const lift = (id: string, key?: string) => world.corridor.api('DELETE', `/v1/suspensions/${id}`, undefined, key);
const refused = { status: 403, body: { code: 'second_person_needed', detail: expect.stringContaining('somebody else must lift it') } };

describe('where a suspension is lifted by another person', () => {
  it('whoever raised it may not lift it, be they an admin, and anyone else may', async () => {
    const ofAdmin = await raise({ kind: 'everything' });
    expect(await lift(ofAdmin)).toMatchObject(refused);
    expect(await lift(ofAdmin, responder)).toMatchObject({ status: 200, body: { id: ofAdmin } });
    const ofBob = await raise({ kind: 'workflow', id: 'nightly-index' }, responder);
    expect(await lift(ofBob, responder)).toMatchObject(refused);
    expect((await lift(ofBob)).status).toBe(200);
    expect((await world.corridor.api('GET', `/v1/suspensions/${ofBob}`)).body).toMatchObject({ raised_by: 'bob', lifted_by: 'admin' });
  });

  it('it may be lifted by whoever raised it once it stops nothing any more', async () => {
    const run = await world.startRun();
    const ofRun = await raise({ kind: 'run', id: run.id });
    expect(await lift(ofRun)).toMatchObject(refused);
    await world.endRun(run.id);
    expect((await lift(ofRun)).status).toBe(200);
    const brief = await raise({ kind: 'everything', expires_at: new Date(Date.now() + 5_000).toISOString() });
    const inForce = async (): Promise<unknown> => (await world.corridor.api('GET', '/v1/suspensions')).body;
    await until(async () => JSON.stringify(await inForce()) === '{"suspensions":[]}');
    expect((await lift(brief)).status).toBe(200);
  });

  it('a drill puts away what it raised', async () => {
    const { body } = await world.corridor.api('POST', '/v1/drills', { workflow: null }, responder);
    const { run } = z
      .strictObject({
        run: z.string(),
        workflow: z.literal('nightly-index'),
        client_id: z.string(),
        client_secret: z.string(),
        expires_at: z.string(),
      })
      .parse(body);
    const suspension = await raise({ kind: 'run', id: run }, responder);
    const result = {
      suspension,
      acknowledged_ms: 12.5,
      replicas: [{ url: world.corridor.url, refused_ms: 13.1, let_through: 0 }],
    };
    const finished = await world.corridor.api('POST', `/v1/drills/${run}/result`, result, responder);
    const { entry } = z.object({ run: z.literal(run), entry: z.string() }).parse(finished.body);
    expect(await world.entry(entry)).toMatchObject({
      type: 'suspension.drilled',
      run,
      workflow: 'nightly-index',
      suspension,
      drilled_by: 'bob',
      acknowledged_ms: 12.5,
      replicas: result.replicas,
    });
    expect(world.corridor.output()).toMatch(
      new RegExp(`"action":"suspension.drilled","by":"bob",.*"subject":"${suspension}","entry":"${entry}"`),
    );
    expect((await world.corridor.api('GET', `/v1/suspensions/${suspension}`)).body).toMatchObject({ lifted_by: 'bob' });
    expect((await world.corridor.api('GET', `/v1/runs/${run}`)).body).toMatchObject({
      agent: { name: 'corridor-drill' },
      ended_at: expect.any(String),
    });
  });
});

describe('a drill', () => {
  it('is given no token: whoever may stop is not one who may have tokens', async () => {
    const { body } = await world.corridor.api('POST', '/v1/drills', { workflow: 'nightly-index' }, responder);
    const { client_id: id, client_secret: secret } = z.looseObject({ client_id: z.string(), client_secret: z.string() }).parse(body);
    const response = await fetch(`${world.corridor.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'https://crm.example/api', scope: 'crm:read' }),
    });
    const answer: unknown = await response.json();
    expect(answer).toMatchObject({ error: 'unauthorized_client', reasons: [{ code: 'drill_run' }] });
  });

  it('is of a workflow that there is, and is finished with a suspension of its own run', async () => {
    expect(await world.corridor.api('POST', '/v1/drills', { workflow: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'workflow_unknown' },
    });
    const run = await world.startRun();
    const { body } = await world.corridor.api('POST', '/v1/drills', { workflow: 'nightly-index' });
    const drill = z.looseObject({ run: z.string() }).parse(body);
    const suspension = await raise({ kind: 'run', id: run.id });
    const result = { suspension, acknowledged_ms: 1, replicas: [{ url: world.corridor.url, refused_ms: 1, let_through: 0 }] };
    const finish = (of: string) => world.corridor.api('POST', `/v1/drills/${of}/result`, result);
    expect(await finish(drill.run)).toMatchObject({ status: 400, body: { code: 'suspension_of_another' } });
    expect(await finish(run.id)).toMatchObject({ status: 404, body: { code: 'drill_unknown' } });
    expect((await world.corridor.api('GET', `/v1/runs/${drill.run}`)).body).not.toHaveProperty('ended_at');
  });
});
