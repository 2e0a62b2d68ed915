import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { crm, startWorld, type World } from '../interop/world.js';
import { startPostgres } from '../rig/postgres.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

const tokenAnswer = z.looseObject({ access_token: z.string(), attribution: z.string() });

async function ask(world: World, run: { id: string; secret: string }) {
  const response = await fetch(`${world.corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('Corridor on PostgreSQL', () => {
  it('does the main job and the stop', async () => {
    const world = await startWorld(undefined, { CORRIDOR_DATABASE_URL: (await postgres?.freshDatabase()) ?? '' });
    try {
      const run = await world.startRun();
      const first = await ask(world, run);
      expect(first.status).toBe(200);
      const { access_token: token, attribution } = tokenAnswer.parse(first.body);
      expect(await world.callApi(token)).toBe(200);
      expect(await world.entry(attribution)).toMatchObject({ type: 'token.released', run: run.id });
      const lift = await world.suspendWorkflow();
      expect(await ask(world, run)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
      await lift();
      expect((await ask(world, run)).status).toBe(200);
      await world.endRun(run.id);
      expect(await ask(world, run)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    } finally {
      await world.stop();
    }
  }, 120_000);
});
