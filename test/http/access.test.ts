import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { roles, type Role } from '../../src/access/api-key.js';
import { startWorld, type World } from '../interop/world.js';

let world: World;
const keys = new Map<Role, string>();

beforeAll(async () => {
  world = await startWorld();
  for (const role of roles) {
    const body = {
      name: `a ${role}`,
      roles: [role],
      ...(role === 'runtime' ? { runtime: 'ci' } : {}),
      ...(role === 'resource-server' ? { resource: 'crm' } : {}),
    };
    const created = await world.corridor.api('POST', '/v1/keys', body);
    keys.set(role, z.object({ key: z.string() }).parse(created.body).key);
  }
}, 60_000);
afterAll(() => world.stop());

/** Every route of the administration API, and who may use it. Nothing is done: bodies are empty and ids are nobody's. */
const routes: readonly (readonly [method: string, path: string, allowed: readonly Role[]])[] = [
  ['POST', '/v1/runs', ['runtime', 'admin']],
  ['GET', '/v1/runs/run01nobody', ['runtime', 'auditor', 'responder', 'admin']],
  ['POST', '/v1/runs/run01nobody/end', ['runtime', 'responder', 'admin']],
  ['POST', '/v1/keys', ['admin']],
  ['GET', '/v1/keys', ['auditor', 'admin']],
  ['DELETE', '/v1/keys/key01nobody', ['admin']],
  ['POST', '/v1/suspensions', ['responder', 'admin']],
  ['GET', '/v1/suspensions', ['responder', 'auditor', 'admin']],
  ['GET', '/v1/suspensions/sus01nobody', ['responder', 'auditor', 'admin']],
  ['DELETE', '/v1/suspensions/sus01nobody', ['responder', 'admin']],
  ['POST', '/v1/drills', ['responder', 'admin']],
  ['POST', '/v1/drills/run01nobody/result', ['responder', 'admin']],
  ['GET', '/v1/exposure', ['auditor', 'responder', 'admin']],
  ['GET', '/v1/entries', ['auditor', 'admin']],
  ['GET', '/v1/trace?run=run01nobody', ['auditor', 'admin']],
  ['POST', '/v1/trace', ['auditor', 'admin']],
  ['POST', '/v1/apply', ['operator', 'admin']],
  ['GET', '/v1/work', ['auditor', 'admin']],
  ['POST', '/v1/work/wrk01nobody/retry', ['admin']],
  ['POST', '/v1/work/wrk01nobody/give-up', ['admin']],
  ['GET', '/v1/posture', ['operator', 'auditor', 'admin']],
];

describe('the guard of the administration API', () => {
  it.each(routes)('lets %s %s be used by %j and nobody else', async (method, path, allowed) => {
    const refused: Role[] = [];
    for (const role of roles) {
      const { status, body } = await world.corridor.api(method, path, method === 'POST' ? {} : undefined, keys.get(role));
      if (status === 403 && z.looseObject({ code: z.string() }).parse(body).code === 'role_missing') refused.push(role);
    }
    expect(roles.filter((role) => !refused.includes(role)).sort()).toEqual([...allowed].sort());
  });

  it.each([
    ['runtime', 404, 404],
    ['runtime, operator', 404, 404],
    ['runtime, auditor', 200, 404],
    ['runtime, responder', 200, 200],
  ])('lets a key of another runtime with the roles %s read a run (%i) and end it (%i)', async (names, read, end) => {
    const wish = { name: 'of another', roles: names.split(', '), runtime: 'local' };
    const { key } = z.object({ key: z.string() }).parse((await world.corridor.api('POST', '/v1/keys', wish)).body);
    const { id } = await world.startRun();
    expect((await world.corridor.api('GET', `/v1/runs/${id}`, undefined, key)).status).toBe(read);
    expect((await world.corridor.api('POST', `/v1/runs/${id}/end`, undefined, key)).status).toBe(end);
  });

  it('knows every route that there is', async () => {
    const { body } = await world.corridor.api('GET', '/v1/nothing');
    expect(body).toMatchObject({ status: 404 });
  });

  it.each(routes)('wants a key for %s %s', async (method, path) => {
    for (const authorization of [undefined, 'Bearer wrong', `Bearer ${'x'.repeat(43)}`, 'Basic eDp5']) {
      const response = await fetch(world.corridor.url + path, { method, headers: authorization === undefined ? {} : { authorization } });
      // throttling begins at some point: it is no answer to the question either
      expect([401, 429]).toContain(response.status);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
  });
});
