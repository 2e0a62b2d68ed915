import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { HostileAuthorizationServer, json, reset, text, type SeenRequest } from '../rig/hostile-authorization-server.js';
import { catalogueOf } from './catalogue.js';
import { FrontDoor, purpose } from './front-door.js';

const uri = 'https://crm.example/api';
const workflow = 'nightly-index';
const fates = ['gone', 'busy', 'stubborn', 'under-way'];
const scopes = fates.map((fate) => `case:${fate}`);
const followed = z.object({
  exposed: z.looseObject({ live_until: z.string() }),
  exposure: z.array(z.looseObject({ run: z.string(), state: z.string(), revocation: z.string() })),
});

/** Until when the attempt that is under way lasts. */
let haveStopped: () => void;
const stopped = new Promise<void>((resolve) => (haveStopped = resolve));
let server: HostileAuthorizationServer;
let door: FrontDoor;
beforeAll(async () => {
  server = (await HostileAuthorizationServer.start()).publish();
  door = await FrontDoor.open({
    catalogue: catalogueOf({
      issuer: server.issuer,
      resources: { crm: { uri, scopes } },
      parties: [{ workflow, client: 'indexer', resources: ['crm'], credential: 'env:CORRIDOR_CLIENT_SECRET' }],
    }),
    grants: [{ workflow, purpose, resource: uri, scopes }],
    env: { CORRIDOR_CLIENT_SECRET: randomBytes(32).toString('hex') },
  });
  const said = (request: SeenRequest, name: string): string => new URLSearchParams(request.body).get(name) ?? '';
  server.at('/token', (response, request) => {
    const scope = said(request, 'scope');
    if (scope === 'case:under-way') return stopped.then(() => reset(response, request));
    return json({ access_token: `token of ${scope}`.replaceAll(' ', '-'), token_type: 'Bearer', expires_in: 300, scope })(
      response,
      request,
    );
  });
  server.at('/revoke', (response, request) => {
    const token = said(request, 'token');
    if (token.includes('busy')) return text('not now', 503)(response, request);
    if (token.includes('stubborn')) return json({ error: 'unsupported_token_type' }, 400)(response, request);
    return json({})(response, request);
  });
}, 60_000);
afterAll(async () => {
  await door.close();
  await server.stop();
});

it('a stop shows each token as revoked, as pending with what its server said, or as beyond that and until when it lives', async () => {
  const runs = await Promise.all(fates.map(() => door.startRun(workflow)));
  const asked = runs.map((run, place) => door.ask(run, { resource: uri, scope: scopes[place] ?? '' }));
  for (const answer of asked.slice(0, 3)) expect((await answer).status).toBe(200);
  while (!server.requestsAt('/token').some(({ body }) => body.includes('under-way'))) await wait(20);

  const { body } = await door.corridor.api('POST', '/v1/suspensions', { kind: 'workflow', id: workflow, reason: 'leaked image' });
  const raised = followed.extend({ id: z.string(), covers: z.object({ runs: z.literal(4) }) }).parse(body);
  const stateOf = (place: number, of = raised) => of.exposure.find(({ run }) => run === runs[place]?.id);
  expect(raised.exposure).toHaveLength(4);
  expect(stateOf(3)).toMatchObject({ state: 'open', revocation: 'pending' });
  haveStopped();

  const followUp = async () => ({ ...raised, ...followed.parse((await door.corridor.api('GET', `/v1/suspensions/${raised.id}`)).body) });
  for (const until = Date.now() + 20_000; Date.now() < until; await wait(100)) {
    const seen = await followUp();
    if (stateOf(0, seen)?.revocation === 'revoked' && stateOf(2, seen)?.revocation === 'unsupported' && stateOf(1, seen)?.['last_error'])
      break;
  }
  const seen = await followUp();
  expect(stateOf(0, seen)).toMatchObject({ revocation: 'revoked', revoked_at: expect.any(String) });
  expect(stateOf(1, seen)).toMatchObject({
    revocation: 'pending',
    last_error: 'server_unavailable',
    next_attempt_at: expect.any(String),
    expires_at: expect.any(String),
  });
  expect(Number(stateOf(1, seen)?.['attempts'])).toBeGreaterThan(0);
  expect(stateOf(2, seen)).toMatchObject({ revocation: 'unsupported', expires_at: expect.any(String) });

  // the attempt under way ends without a token for its run, and nobody knows what the server made of it
  expect((await asked[3])?.status).not.toBe(200);
  for (const until = Date.now() + 20_000; stateOf(3, await followUp())?.state === 'open' && Date.now() < until; await wait(100));
  const last = await followUp();
  expect(stateOf(3, last)).toMatchObject({ state: 'unknown', revocation: 'unsupported' });
  expect(last.exposed).toMatchObject({ revoked: 1, pending: 1, unsupported: 2, expired: 0, never_issued: 0 });
}, 60_000);
