import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JWK } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type IssuedToken, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { freePort } from '../rig/corridor.js';
import { catalogueOf } from './catalogue.js';
import { FrontDoor, purpose, type TokenAnswer } from './front-door.js';
import { readRecord, stopEverything, type RecordedEntry } from './record.js';

/** Tokens for the one are JWTs, which oidc-provider cannot revoke; those for the other are opaque, which it can. */
const jwt = 'https://crm.example/api';
const opaque = 'https://files.example/api';
const scopes = ['things:read', 'things:list'];
const workflows = ['by-key', 'by-secret'];
const asking = { scope: 'things:read' };

let server: RunningAuthorizationServer;
let door: FrontDoor;
beforeAll(async () => {
  const port = await freePort();
  const secret = randomBytes(32).toString('hex');
  door = await FrontDoor.open({
    catalogue: catalogueOf({
      issuer: `http://127.0.0.1:${port}`,
      resources: { crm: { uri: jwt, scopes }, files: { uri: opaque, scopes } },
      parties: [
        { workflow: 'by-key', client: 'keyed', resources: ['crm', 'files'], credential: 'generate' },
        { workflow: 'by-secret', client: 'secret', resources: ['crm', 'files'], credential: 'env:CORRIDOR_CLIENT_SECRET' },
      ],
    }),
    grants: workflows.flatMap((workflow) => [jwt, opaque].map((resource) => ({ workflow, purpose, resource, scopes }))),
    env: { CORRIDOR_CLIENT_SECRET: secret },
  });
  const { body } = await door.corridor.api('GET', '/oauth2/clients/keyed/jwks');
  const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() }).transform((key): JWK => key)) }).parse(body);
  server = await startAuthorizationServer({
    port,
    clients: [
      { client_id: 'corridor-keyed', token_endpoint_auth_method: 'private_key_jwt', jwks },
      { client_id: 'corridor-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
    ],
    resources: { [jwt]: { scopes, format: 'jwt' }, [opaque]: { scopes, format: 'opaque' } },
  });
}, 90_000);
afterAll(async () => {
  await door.close();
  await server.stop();
});

const sha256 = ({ body }: TokenAnswer): string => createHash('sha256').update(String(body['access_token'])).digest('hex');

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  // longer than the half minute for which what a dead one had begun is its own
  for (const deadline = performance.now() + 45_000; ; await wait(50)) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error('it did not come to pass');
  }
}

const atLeast = <T>(count: number, lines: readonly T[]) => (lines.length >= count ? lines : undefined);
const entriesOf = async (run: string): Promise<readonly RecordedEntry[]> =>
  (await readRecord(door.corridor)).filter((entry) => entry.run === run);
const typesOf = async (run: string): Promise<string[]> => (await entriesOf(run)).map(({ type }) => type).reverse();
const entryOf = (run: string, type: string): Promise<RecordedEntry> =>
  until(async () => (await entriesOf(run)).find((entry) => entry.type === type));
const lineOf = (token: string): Promise<IssuedToken | undefined> =>
  server.issued().then((lines) => lines.find((line) => line.sha256 === token));

describe('a Corridor that is killed while a token is on its way', () => {
  it('records the attempt as unknown after its restart, lists what may live for as long as it can, and goes on', async () => {
    const runs = [await door.startRun('by-key'), await door.startRun('by-secret')] as const;
    const before = (await server.issued()).length;
    await server.delay({ after: 20_000 });
    const lost = runs.map((run) => door.ask(run, { ...asking, resource: jwt }).catch(() => 'broken off'));
    const issued = await until(async () => atLeast(2, (await server.issued()).slice(before)));
    door = await door.crashAndStart();
    await server.delay({ after: 0 });
    expect(await Promise.all(lost)).toEqual(['broken off', 'broken off']);

    const unknown = await Promise.all(runs.map((run) => entryOf(run.id, 'token.unknown')));
    for (const [index, run] of runs.entries()) {
      expect(await typesOf(run.id)).toEqual(['run.started', 'token.requested', 'token.unknown']);
      const [line] = issued.filter(({ client_id }) => client_id === ['corridor-keyed', 'corridor-secret'][index]);
      const intent = await entryOf(run.id, 'token.requested');
      expect(unknown[index]).toMatchObject({ issuance: intent.issuance, fault: 'outcome_not_reported', resource: { id: 'crm' } });
      expect(unknown[index]?.assertion?.jti ?? null).toBe(line?.assertion_jti);
      expect(unknown[index]?.exposed_until).toBeGreaterThanOrEqual(line?.expires_at ?? Infinity);
      expect(await door.corridor.api('GET', `/v1/trace?token_sha256=${line?.sha256}`)).toMatchObject({ status: 404 });
    }
    const { exposed, lift } = await stopEverything(door.corridor);
    await lift();
    expect(unknown.filter(({ issuance }) => !exposed.has(issuance ?? ''))).toEqual([]);
    expect(door.corridor.output()).toContain('intents_closed_as_unknown');

    const again = await Promise.all(runs.map((run) => door.ask(run, { ...asking, resource: jwt })));
    expect(again.map(({ status }) => status)).toEqual([200, 200]);
  }, 60_000);

  it('knows after its restart what it released before, and hands it out again while it lives', async () => {
    const run = await door.startRun('by-secret');
    const first = await door.ask(run, { ...asking, resource: opaque });
    const before = (await server.issued()).length;
    door = await door.crashAndStart();
    expect((await door.corridor.api('GET', `/v1/trace?token_sha256=${sha256(first)}`)).body).toMatchObject({
      run: { id: run.id },
      token: { state: 'issued', live: true },
      releases: { in_this_run: { count: 1 } },
    });
    const second = await door.ask(run, { ...asking, resource: opaque });
    expect([second.status, sha256(second)]).toEqual([200, sha256(first)]);
    expect(second.body['attribution']).not.toBe(first.body['attribution']);
    expect(await server.issued()).toHaveLength(before);
  }, 60_000);

  it('revokes after its restart what it was to revoke before, or says that it cannot', async () => {
    const run = await door.startRun('by-key');
    const [first, second] = [await door.ask(run, { ...asking, resource: opaque }), await door.ask(run, { ...asking, resource: jwt })];
    await door.endRun(run.id);
    door = await door.crashAndStart();
    const revoked = await entryOf(run.id, 'token.revoked');
    const exposed = await entryOf(run.id, 'token.exposed');
    expect([revoked.token?.sha256, exposed.token?.sha256]).toEqual([sha256(first), sha256(second)]);
    expect(await lineOf(sha256(first))).toMatchObject({ revoked_at: expect.any(Number) });
    expect((await door.ask(run, { ...asking, resource: jwt })).body).toMatchObject({ error: 'unauthorized_client' });
  }, 90_000);
});

describe('a run that ends while its token is on its way', () => {
  it('does not get it, and the token is revoked', async () => {
    const run = await door.startRun('by-secret');
    const before = (await server.issued()).length;
    await server.delay({ after: 5_000 });
    const answer = door.ask(run, { ...asking, resource: opaque });
    const line = await until(async () => (await server.issued())[before]);
    await door.endRun(run.id);
    await server.delay({ after: 0 });
    expect(await answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
    await entryOf(run.id, 'token.revoked');
    expect(await lineOf(line.sha256)).toMatchObject({ revoked_at: expect.any(Number) });
    expect(await typesOf(run.id)).not.toContain('token.released');
  }, 60_000);
});
