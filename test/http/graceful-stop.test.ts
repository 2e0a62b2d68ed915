import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crm, startWorld, type World } from '../interop/world.js';
import { until } from '../rig/command-line.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

describe('a stop in order', () => {
  it('finishes what is under way, and does not wait for clients that keep their connections', async () => {
    const run = await world.startRun();
    await world.authorizationServer.delay({ before: 2_000 });
    const asked = async (): Promise<number> => (await world.authorizationServer.requests())['POST /token'] ?? 0;
    const before = await asked();
    const agent = new http.Agent({ keepAlive: true });
    const request = http.request(`${world.corridor.issuer}/token`, {
      method: 'POST',
      agent,
      headers: {
        authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
    });
    request.end(new URLSearchParams({ grant_type: 'client_credentials', resource: crm }).toString());
    const answered = once(request, 'response').then(async ([response]: http.IncomingMessage[]) => ({
      status: response?.statusCode,
      body: response === undefined ? null : await json(response),
    }));
    await until(async () => (await asked()) > before);
    await world.corridor.stop(); // by force after ten seconds
    expect(await answered).toMatchObject({ status: 200, body: { access_token: expect.any(String) } });
    expect(world.corridor.output()).toContain('"event":"stopped"');
    agent.destroy();
  }, 60_000);
});
