import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import pg from 'pg';
import { z } from 'zod';
import { issue } from '../http/token-door.js';
import { startAuthorizationServer } from '../rig/authorization-server.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { HostileAuthorizationServer, json } from '../rig/hostile-authorization-server.js';
import { policyWithGrants, type PolicyDirectory } from '../rig/policy-directory.js';
import { startPostgres } from '../rig/postgres.js';
import { askAt, crm, runtimeKeyAt, startRunAt } from '../rig/replicas.js';
import { copyTemplate } from '../rig/template.js';
import { readRecord } from './record.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

let policies: PolicyDirectory;
beforeAll(async () => {
  policies = await policyWithGrants([{ workflow: 'nightly-index', purpose: 'search-indexing', resource: crm, scopes: ['crm:read'] }]);
});
afterAll(() => policies.remove());

const catalogue = (issuer: string): string => `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [nightly-index],
             resources: [crm], method: private_key_jwt, credential: generate, key_registration: jwks_uri, rotate_every: 90d,
             max_token_life: 1h }
runtimes:
  ci: { workflows: [nightly-index] }
`;

const shown = z.looseObject({
  credentials: z.array(z.looseObject({ id: z.string(), kid: z.string(), state: z.string() })),
  rotation: z.looseObject({ state: z.string(), attempts: z.number(), fault: z.string().nullable() }).nullable(),
});

async function show(corridor: RunningCorridor): Promise<z.infer<typeof shown>> {
  return shown.parse((await corridor.api('GET', '/v1/clients/indexer')).body);
}

/** Runs that start and ask for a token, one after another, at whichever Corridor lives. What is answered must be a token. */
class Agents {
  readonly failures: unknown[] = [];
  given = 0;
  #stopped = false;
  #working: Promise<void>;

  constructor(
    readonly corridor: () => RunningCorridor,
    readonly key: string,
  ) {
    this.#working = this.#work();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    for (; !this.#stopped; await wait(50)) {
      try {
        const answer = await askAt(this.corridor(), await startRunAt(this.corridor(), this.key));
        if (answer.status === 200) this.given++;
        else this.failures.push(answer.body);
      } catch (error) {
        // nobody answers while nobody lives
        if (!/fetch failed|terminated/.test(String(error))) this.failures.push(String(error));
      }
    }
  }
}

/** What is published of the client at this port; null when nobody answers. */
async function publishedKids(port: number): Promise<readonly string[] | null> {
  const jwks = z.object({ keys: z.array(z.looseObject({ kid: z.string() })) });
  const response = await fetch(`http://127.0.0.1:${port}/oauth2/clients/indexer/jwks`).catch(() => null);
  return response === null ? null : jwks.parse(await response.json()).keys.map(({ kid }) => kid);
}

async function until(corridor: RunningCorridor, state: string, patience: number): Promise<z.infer<typeof shown>> {
  for (const deadline = Date.now() + patience; ; await wait(200)) {
    const now = await show(corridor);
    if (now.rotation?.state === state) return now;
    if (Date.now() > deadline) throw new Error(`not ${state} in time: ${JSON.stringify(now.rotation)}`);
  }
}

describe('a rotation at oidc-provider, which reads the JWKS that Corridor publishes and keeps it for a minute', () => {
  it('comes into use when the server has learned of it, and no request fails before, meanwhile or after (A86)', async () => {
    const [port, upstreamPort] = [await freePort(), await freePort()];
    const server = await startAuthorizationServer({
      port: upstreamPort,
      clients: [
        {
          client_id: 'corridor-indexer',
          token_endpoint_auth_method: 'private_key_jwt',
          jwks_uri: `http://127.0.0.1:${port}/oauth2/clients/indexer/jwks`,
        },
      ],
      resources: { [crm]: { scopes: ['crm:read'], format: 'opaque' } },
    });
    const corridor = await startCorridor({ catalogue: catalogue(server.issuer), policies: policies.path, port });
    const agents = new Agents(() => corridor, await runtimeKeyAt(corridor));
    while (agents.given === 0) await wait(50);
    const [before] = (await show(corridor)).credentials;

    expect((await corridor.api('POST', '/v1/clients/indexer/rotation')).status).toBe(201);
    const { credentials } = await until(corridor, 'overlap', 150_000);
    expect(credentials).toMatchObject([{ state: 'current' }, { id: before?.id, state: 'former' }]);
    const given = agents.given;
    while (agents.given < given + 10) await wait(50);
    await agents.stop();
    expect(agents.failures).toEqual([]);

    const record = await readRecord(corridor);
    const proofs = record.filter(({ cause }) => cause === 'rotation');
    const shifted = proofs.find(({ type }) => type === 'credential.changed');
    const proof = record.find(({ type, issuance }) => type === 'token.issued' && issuance === shifted?.['proven_by']);
    // opaque, so that the server revokes it: at once
    for (let look = 0; look < 50; look++, await wait(100)) {
      if ((await server.issued()).some(({ sha256, revoked_at: at }) => sha256 === proof?.token?.sha256 && at !== null)) break;
    }
    const listed = (await server.issued()).find(({ sha256 }) => sha256 === proof?.token?.sha256);
    expect(listed).toMatchObject({ scope: 'crm:read', revoked_at: expect.any(Number) });
    await corridor.stop();
    await server.stop();
  }, 240_000);
});

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('a Corridor that is killed in the middle of a rotation', () => {
  const steps = [
    ['rotation.begun', 'during'],
    ['intent', 'after'],
    ['outcome', 'before'],
    ['outcome', 'after'],
    ['rotation.shifted', 'before'],
    ['rotation.shifted', 'during'],
    ['rotation.shifted', 'after'],
    ['rotation.finished', 'during'],
  ] as const;

  it.each(steps)(
    'at %s, %s it: the next one goes on, and no request that was answered failed',
    async (step, moment) => {
      const databaseUrl = (await postgres?.freshDatabase()) ?? '';
      const rows = new pg.Client({ connectionString: databaseUrl });
      await rows.connect();
      const server = await HostileAuthorizationServer.start();
      const [dataDir, port] = [await copyTemplate(), await freePort()];
      const start = (script?: readonly [string, ...string[]]): Promise<RunningCorridor> =>
        startCorridor({
          catalogue: catalogue(server.issuer),
          policies: policies.path,
          dataDir,
          port,
          env: { CORRIDOR_DATABASE_URL: databaseUrl },
          ...(script === undefined ? {} : { script }),
        });
      // as this server sees it, what is published now is all that it knows
      let known: readonly string[] = [];
      server
        .publish()
        .at('/revoke', json({}))
        .at('/token', async (response, request) => {
          known = (await publishedKids(port)) ?? known;
          const { kid } = decodeProtectedHeader(new URLSearchParams(request.body).get('client_assertion') ?? '');
          await (known.includes(kid ?? '') ? issue() : json({ error: 'invalid_client' }, 401))(response, request);
        });

      // the catalogue is applied by one that lives
      await (await start()).stop();
      const corridor = await start([path.join(import.meta.dirname, 'dying-rotation.mjs'), step, moment]);
      let living = corridor;
      const agents = new Agents(() => living, await runtimeKeyAt(corridor));
      while (agents.given === 0) await wait(20);
      await corridor.api('POST', '/v1/clients/indexer/rotation').catch(() => undefined);
      for (const deadline = Date.now() + 40_000; Date.now() < deadline && !corridor.output().includes('killed'); await wait(25)) {
        // the overlap of an hour is over at once
        await rows.query(
          `update rotation set due_at = now() where state = 'overlap' and ended_at is null and due_at > now() + interval '2 min'`,
        );
      }
      expect(corridor.output()).toContain(`killed ${moment} ${step}\n`);
      await corridor.kill();

      living = await start();
      const begun = await rows.query('select from rotation');
      if (begun.rowCount === 0) expect((await living.api('POST', '/v1/clients/indexer/rotation')).status).toBe(201);
      for (const deadline = Date.now() + 40_000; Date.now() < deadline && (await show(living)).rotation?.state !== 'done'; await wait(50)) {
        await rows.query(`update rotation set due_at = now() where ended_at is null and due_at > now()`);
        await rows.query(
          `update issuance set deadline = now() where state = 'open' and run is null and opened_at < now() - interval '2 s'`,
        );
      }
      const { credentials, rotation } = await show(living);
      expect([rotation?.state, credentials.map(({ state }) => state)]).toEqual(['done', ['current']]);
      const given = agents.given;
      while (agents.given < given + 3) await wait(50);
      await agents.stop();
      expect(agents.failures).toEqual([]);

      const record = await readRecord(living);
      const count = (type: string): number => record.filter((entry) => entry.type === type).length;
      expect([count('credential.created'), count('credential.changed'), count('credential.retired')]).toEqual([2, 1, 1]);
      const unsettled = async (): Promise<unknown[]> => {
        const pending = `state = 'open' or sealed is not null and revocation is distinct from 'revoked'`;
        return (await rows.query<{ id: string }>(`select id from issuance where run is null and (${pending})`)).rows;
      };
      // what the dead one had begun to revoke is begun anew when its half minute is over
      for (let look = 0; look < 450 && (await unsettled()).length > 0; look++) await wait(100);
      expect(await unsettled()).toEqual([]);

      await living.stop();
      await Promise.all([server.stop(), rows.end(), rm(dataDir, { recursive: true, force: true })]);
    },
    180_000,
  );
});
