import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunningCorridor } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { askAt, crm, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('two replicas over one PostgreSQL', () => {
  let replicas: Replicas;
  let one: RunningCorridor;
  let two: RunningCorridor;
  let key: string;
  beforeAll(async () => {
    replicas = await Replicas.over((await postgres?.freshDatabase()) ?? '');
    one = await replicas.start();
    two = await replicas.start();
    key = await runtimeKeyAt(one);
  }, 120_000);
  afterAll(() => replicas.stop());

  it('share what was obtained: the second serves the token of the first, with a release of its own', async () => {
    const run = await startRunAt(one, key);
    const [first, second] = [await askAt(one, run), await askAt(two, run)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body['access_token']).toBe(first.body['access_token']);
    expect(second.body['attribution']).not.toBe(first.body['attribution']);
    const { body } = await two.api('GET', `/v1/entries?run=${run.id}&type=token.issued`);
    expect(body).toMatchObject({ entries: [{ type: 'token.issued' }], next: null });
  });

  it('take the secret that a run was given last, wherever that was', async () => {
    const before = await startRunAt(one, key, 'nightly-1');
    expect((await askAt(one, before)).status).toBe(200); // it is remembered there
    const after = await startRunAt(two, key, 'nightly-1');
    expect(after.id).toBe(before.id);
    expect((await askAt(one, after)).status).toBe(200);
    expect(await askAt(one, before)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(await askAt(two, before)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('stop and end at once for each other', async () => {
    const run = await startRunAt(two, key);
    expect((await askAt(two, run)).status).toBe(200);
    const raised = await one.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'a drill' });
    expect(raised.status).toBe(201);
    expect(await askAt(two, run)).toMatchObject({ status: 400, body: { error: 'access_denied', reasons: [{ code: 'suspended' }] } });
    const other = await startRunAt(two, key);
    expect((await askAt(two, other)).status).toBe(200);
    await one.api('POST', `/v1/runs/${other.id}/end`, undefined, key);
    expect(await askAt(two, other)).toMatchObject({
      status: 400,
      body: { error: 'unauthorized_client', reasons: [{ code: 'run_ended' }] },
    });
  });

  it('decide by the policy that another of them has activated', async () => {
    const run = await startRunAt(one, key);
    expect(await askAt(one, run, 'crm:write')).toMatchObject({ status: 400, body: { error: 'access_denied' } });
    const wider = path.join(replicas.dataDir, 'wider-policies');
    await cp(replicas.policies.path, wider, { recursive: true });
    const grant = { workflow: 'nightly-index', purpose: 'search-indexing', resource: crm, scopes: ['crm:read', 'crm:write'] };
    await writeFile(path.join(wider, 'data.json'), JSON.stringify({ grants: [grant], ceilings: {} }));
    const three = await replicas.start({ policies: wider });
    expect((await askAt(three, run, 'crm:write')).status).toBe(200);
    // a request that begins now is decided by it, whether or not notice has come
    expect((await askAt(one, run, 'crm:write')).status).toBe(200);
  }, 60_000);
});
