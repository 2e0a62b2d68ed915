import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { crm, startWorld, type RunBySecret, type World } from '../interop/world.js';

const entries = z.object({ entries: z.array(z.looseObject({ type: z.string(), run: z.string().optional() })) });

let world: World;
beforeAll(async () => {
  world = await startWorld();
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

async function recorded(run: string, type: string) {
  for (let look = 0; look < 200; look++) {
    const { body } = await world.corridor.api('GET', `/v1/entries?run=${run}`);
    const found = entries.parse(body).entries.find((entry) => entry.type === type);
    if (found !== undefined) return found;
    await pause(100);
  }
  throw new Error(`nothing of type ${type} was recorded`);
}

describe('the deadline of a run', () => {
  it('ends it and its descendants, takes their tokens back, and is the reason that they are refused', async () => {
    const parent = await world.startRun({ ttl: 6 });
    const child = await world.startRun({ parent: parent.id });
    expect(await Promise.all([parent, child].map(token))).toMatchObject([{ status: 200 }, { status: 200 }]);
    for (const run of [parent, child]) {
      const ended = await recorded(run.id, 'run.ended');
      expect(ended).toMatchObject({ cause: 'expired', run: run.id, workflow: 'nightly-index', owner: 'search-team@example.com' });
      expect(ended).not.toHaveProperty('by');
      await recorded(run.id, 'token.exposed'); // what the server of this world answers to a revocation
      expect((await world.corridor.api('GET', `/v1/runs/${run.id}`)).body).toMatchObject({ ended_at: expect.any(String) });
      expect(await token(run)).toMatchObject({ status: 400, body: { error: 'unauthorized_client', reasons: [{ code: 'run_expired' }] } });
    }
  }, 60_000);
});
