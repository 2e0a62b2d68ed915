import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';

const rego = `package corridor.token

decision := {"allow": true, "reasons": [{"code": "granted"}], "obligations": {"scopes": input.request.scopes}}
`;
const nothing = 'version: 1\n';
const ids = {
  workflow: 'nightly-index',
  purpose: 'search-indexing',
  runtime: 'ci',
  client: 'indexer',
  resource: 'crm',
  authorization_server: 'upstream',
};
const stop = z.looseObject({
  id: z.string(),
  covers: z.object({ runs: z.number() }).optional(),
  exposure: z.array(z.looseObject({ run: z.string() })),
});

let world: World;
/** With a second workflow, which the runtime may start and the client serves. */
let source: string;
beforeAll(async () => {
  world = await startWorld(rego);
  const text = await readFile(world.corridor.configFile, 'utf8');
  source = text
    .replaceAll('workflows: [nightly-index]', 'workflows: [nightly-index, triage]')
    .replace('workflows:\n', 'workflows:\n  triage: { owner: mail-team@example.com, purposes: [search-indexing], max_run_ttl: 1h }\n');
}, 60_000);
afterAll(() => world.stop());
beforeEach(() => apply(source));

async function apply(text: string): Promise<void> {
  const { status, body } = await world.corridor.api('POST', '/v1/apply', { source: text });
  expect({ status, body }).toMatchObject({ status: 200 });
}

async function token(run: RunBySecret): Promise<unknown> {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm }),
  });
  return response.json();
}

const raise = (kind: string, id: string) => world.corridor.api('POST', '/v1/suspensions', { kind, id, reason: 'leaked image' });
const lift = async (id: string) => expect((await world.corridor.api('DELETE', `/v1/suspensions/${id}`)).status).toBe(200);

const issued = { token_type: 'Bearer' };
const unknown = { status: 404, body: { code: 'target_unknown' } };
const notTrusted = { error: 'unauthorized_client', reasons: [{ code: 'runtime_not_trusted' }] };

describe('a stop of what left the catalogue', () => {
  it.each(['workflow', 'purpose', 'runtime'] as const)('of kind %s is one while a run goes on that has no token', async (kind) => {
    const run = await world.startRun();
    await apply(nothing);
    const raised = await raise(kind, ids[kind]);
    expect(raised).toMatchObject({ status: 201, body: { covers: { runs: 1 }, exposure: [] } });
    await apply(source);
    const { id } = stop.parse(raised.body);
    expect(await token(run)).toMatchObject({ error: 'access_denied', reasons: [{ code: 'suspended', kind, suspension: id }] });
    await lift(id);
    await world.endRun(run.id);
    await apply(nothing);
    expect(await raise(kind, ids[kind])).toMatchObject(unknown);
  });

  it.each(['client', 'resource', 'authorization_server'] as const)('of kind %s is none while no token is live', async (kind) => {
    const run = await world.startRun();
    await apply(nothing);
    expect(await raise(kind, ids[kind])).toMatchObject(unknown);
    await world.endRun(run.id);
  });

  it.each(Object.entries(ids))('of kind %s covers the tokens that are live', async (kind, target) => {
    const run = await world.startRun();
    expect(await token(run)).toMatchObject(issued);
    await apply(nothing);
    const raised = await raise(kind, target);
    expect(raised.status).toBe(201);
    const { id, exposure } = stop.parse(raised.body);
    expect(exposure.map((exposed) => exposed.run)).toContain(run.id);
    expect(await raise(kind, 'nigthly')).toMatchObject(unknown);
    await apply(source);
    expect(await token(run)).toMatchObject({ reasons: [{ code: 'suspended', kind, suspension: id }] });
    await lift(id);
    await world.endRun(run.id);
  });
});

describe('a run of a runtime with an API key', () => {
  it.each([
    ['left the catalogue', (text: string) => text.replace('  ci:', '  cd:')],
    ['may not start its workflow any more', (text: string) => text.replace(/ci: \{ workflows: .*\}/, 'ci: { workflows: [triage] }')],
  ])('is given no token once its runtime %s, nor is its child', async (_title, changed) => {
    const run = await world.startRun();
    const child = await world.startRun({ parent: run.id, workflow: 'triage' });
    const other = await world.startRun({ workflow: 'triage' });
    for (const one of [run, child, other]) expect(await token(one)).toMatchObject(issued);
    await apply(changed(source));
    for (const one of [run, child]) expect(await token(one)).toMatchObject(notTrusted);
    expect(await token(other)).toMatchObject(changed(source).includes('  ci:') ? issued : notTrusted);
    await apply(source);
    for (const one of [run, child, other]) expect(await token(one)).toMatchObject(issued);
    for (const one of [run, other]) await world.endRun(one.id);
  });

  it('goes on where the runtime is the local one, of which no catalogue speaks', async () => {
    const made = await world.corridor.api('POST', '/v1/runs', {
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      agent: { name: 'indexer', version: '1.4.0', model: 'none' },
    });
    const { client_id: id, client_secret: secret } = z.looseObject({ client_id: z.string(), client_secret: z.string() }).parse(made.body);
    await apply(source.replace('  ci:', '  cd:'));
    expect(await token({ id, secret })).toMatchObject(issued);
  });
});
