import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { z } from 'zod';
import { freePort } from '../rig/corridor.js';
import { TraceCollector } from '../rig/trace-collector.js';
import { catalogueOf } from './catalogue.js';
import { lookInto, type LeftBehind } from './data-directory.js';
import { FrontDoor, purpose, type AgentRun } from './front-door.js';
import type { Canary } from './needles.js';
import { vainScopes, scopes, TalkativeServer, uri } from './talkative-server.js';
import { WitnessedDoor } from './witnessed-door.js';

const workflows = ['by-key', 'by-secret', 'by-file'];
const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');

const basic = ({ id, secret }: AgentRun): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const form = (parameters: Readonly<Record<string, string>>): string =>
  new URLSearchParams({ grant_type: 'client_credentials', resource: uri, ...parameters }).toString();

/** What is left when the day is over. */
export interface Evening {
  readonly canaries: readonly Canary[];
  readonly told: readonly string[];
  /** Both streams of each Corridor. */
  readonly printed: readonly string[];
  /** Its metrics, and its traces as they were sent. */
  readonly watched: readonly string[];
  readonly left: LeftBehind;
  readonly revocations: number;
  readonly runs: readonly string[];
}

/** All that can go well and all that can go wrong, with a crash and a restart in between, at a server that repeats what it is told. */
export class EventfulDay {
  readonly #printed: string[] = [];
  readonly #runs: string[] = [];
  readonly #watched: string[] = [];
  #auditorKey = '';

  private constructor(
    private readonly server: TalkativeServer,
    private readonly secretDir: string,
    private readonly at: WitnessedDoor,
    private readonly collector: TraceCollector,
    private readonly metrics: string,
  ) {}

  static async live(): Promise<Evening> {
    const server = await TalkativeServer.start();
    const secretDir = await mkdtemp(path.join(os.tmpdir(), 'corridor-secrets-'));
    const [inFile, inEnvironment] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    await writeFile(path.join(secretDir, 'filed'), inFile);
    const collector = await TraceCollector.start();
    const metricsPort = String(await freePort());
    const door = await FrontDoor.open({
      catalogue: catalogue(server.issuer),
      grants: workflows.map((workflow) => ({ workflow, purpose, resource: uri, scopes })),
      env: {
        CORRIDOR_CLIENT_SECRET: inEnvironment,
        CORRIDOR_SECRET_DIR: secretDir,
        CORRIDOR_METRICS_PORT: metricsPort,
        CORRIDOR_OTLP_ENDPOINT: collector.url,
      },
    });
    const day = new EventfulDay(server, secretDir, new WitnessedDoor(door), collector, `http://127.0.0.1:${metricsPort}/metrics`);
    day.at.secret('the first secret in a file', inFile);
    day.at.secret('a secret in the environment', inEnvironment);
    day.at.secret('the admin key', door.corridor.adminKey);
    day.at.secret("a runtime's key", door.runtimeKey);
    try {
      return await day.#live();
    } finally {
      await day.at.door.close();
      await server.stop();
      await collector.stop();
      await rm(secretDir, { recursive: true, force: true });
    }
  }

  async #live(): Promise<Evening> {
    await this.#keysAndRuns();
    await this.#tokens();
    await this.#wrongTokenRequests();
    await this.#administration();
    await writeFile(path.join(this.secretDir, 'filed'), this.at.secret('the second secret in a file'));
    this.#printed.push(this.at.door.corridor.output());
    await this.#watch();
    this.at.door = await this.at.door.crashAndStart();
    await this.#tokens();
    const { id } = await this.at.administer(201, 'POST', '/v1/suspensions', { kind: 'everything', reason: 'a drill' });
    await wait(1_500); // revocations are on their way meanwhile
    await this.at.administer(200, 'DELETE', `/v1/suspensions/${String(id)}`);
    return this.#evening();
  }

  async #watch(): Promise<void> {
    this.#watched.push(await (await fetch(this.metrics)).text());
  }

  async #keysAndRuns(): Promise<void> {
    const { corridor, runtimeKey } = this.at.door;
    const created = await corridor.api('POST', '/v1/keys', { name: 'audit', roles: ['auditor'] });
    this.#auditorKey = this.at.secret("an auditor's key", z.object({ key: z.string() }).parse(created.body).key);
    // an answer that was lost: the second one has a new secret, and the first is dead
    for (let time = 0; time < 2; time++) {
      const response = await fetch(`${corridor.url}/v1/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${runtimeKey}`, 'content-type': 'application/json', 'idempotency-key': 'the-same' },
        body: JSON.stringify({ workflow: 'by-key', purpose, agent }),
      });
      const { client_secret: secret } = z.object({ client_secret: z.string() }).parse(await response.json());
      this.at.secret("a run's secret that was given twice", secret);
    }
  }

  async #startRun(workflow: string): Promise<AgentRun> {
    const run = await this.at.door.startRun(workflow);
    this.#runs.push(run.id);
    this.at.secret("a run's secret", run.secret);
    this.at.secret("a run's Authorization header", basic(run).split(' ')[1]);
    return run;
  }

  async #tokens(): Promise<void> {
    const first = await this.#startRun('by-key');
    const runs = [first, await this.#startRun('by-secret'), await this.#startRun('by-file')];
    // before the server has failed so often that it is left alone for a while
    expect(await this.at.ask(form({ scope: 'case:more', client_id: first.id, client_secret: first.secret }))).toBe(200);
    await this.#byAssertion();
    for (const run of runs) expect(await this.at.ask(form({ scope: 'case:good' }), { authorization: basic(run) })).toBe(200);
    const vain = runs.flatMap((run) => vainScopes.map((scope) => ({ run, scope })));
    const statuses = await Promise.all(vain.map(({ run, scope }) => this.at.ask(form({ scope }), { authorization: basic(run) })));
    expect(vain.filter((_, index) => statuses[index] === 200)).toEqual([]);
    for (const { id } of runs) await this.at.door.endRun(id);
    expect(await this.at.ask(form({ scope: 'case:good' }), { authorization: basic(first) })).toBe(400);
  }

  async #byAssertion(): Promise<void> {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const [publicKey, privateKey] = [await exportJWK(pair.publicKey), await exportJWK(pair.privateKey)];
    this.at.secret("a run's private key", privateKey.d);
    const wish = { workflow: 'by-key', purpose, agent };
    const { runtimeKey } = this.at.door;
    const { id } = await this.at.administer(201, 'POST', '/v1/runs', { ...wish, public_key: publicKey }, runtimeKey);
    const run = String(id);
    const asks = (assertion: string): Promise<number> =>
      this.at.ask(form({ scope: 'case:good', client_assertion: assertion, client_assertion_type: jwtBearer }));
    const good = await this.#assertion(run, pair.privateKey);
    expect([await asks(good), await asks(good)]).toEqual([200, 400]);
    const { privateKey: another } = await generateKeyPair('ES256');
    expect(await asks(await this.#assertion(run, another))).toBe(400);
    expect(await asks(await this.#assertion(run, pair.privateKey, { aud: 'https://other.example' }))).toBe(400);
    expect(await asks(this.at.secret('a broken assertion', `${good.slice(0, -9)}AAAAAAAAA`))).toBe(400);
    await this.at.administer(400, 'POST', '/v1/runs', { ...wish, public_key: privateKey }, runtimeKey);
  }

  async #assertion(run: string, key: CryptoKey, members: JWTPayload = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: run, sub: run, aud: this.at.door.corridor.issuer, iat: now, exp: now + 60, jti: randomUUID(), ...members };
    return this.at.secret('an assertion of a run', await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(key));
  }

  async #wrongTokenRequests(): Promise<void> {
    const run = await this.#startRun('by-secret');
    const authorization = basic(run);
    const wrong = this.at.secret('a wrong secret');
    const statuses = [
      await this.at.ask(form({}), { authorization: basic({ ...run, secret: wrong }) }),
      await this.at.ask(form({ client_id: run.id, client_secret: wrong })),
      await this.at.ask(form({ client_id: run.id, client_secret: run.secret }), { authorization }),
      await this.at.ask(form({ scope: 'case:good' }), { authorization: `Bearer ${run.secret}` }),
      await this.at.ask(form({ scope: 'case:good' }), { authorization: `Basic ${run.secret}` }),
      await this.at.ask(form({}), {}, `/oauth2/token?client_id=${run.id}&client_secret=${run.secret}`),
      await this.at.ask(form({}), {}, `/oauth2/${run.secret}`),
      await this.at.ask(`grant_type=password&username=${run.id}&password=${wrong}`, { authorization }),
      await this.at.ask(`client_secret=${run.secret}&client_secret=%zz`, { authorization }),
      await this.at.ask(`${form({ client_secret: run.secret })}&junk=${'x'.repeat(100_000)}`),
      await this.at.ask(`{"client_secret":"${run.secret}"`, { authorization, 'content-type': 'application/json' }),
      await this.at.ask(form({ client_assertion: `${run.secret}.${run.secret}.${run.secret}`, client_assertion_type: jwtBearer })),
    ];
    expect(statuses).not.toContain(200);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
  }

  async #administration(): Promise<void> {
    const { policies, runtimeKey } = this.at.door;
    const file = catalogue(this.server.issuer);
    const pasted = this.at.secret('a secret that was pasted where it does not belong');
    await writeFile(path.join(this.secretDir, 'binary'), Buffer.concat([Buffer.from(pasted), Buffer.from([0xff, 0xfe])]));
    const broken = [
      catalogue(this.server.issuer, [pasted, 'env:CORRIDOR_CLIENT_SECRET', 'file:filed']),
      catalogue(this.server.issuer, ['generate', `env:${pasted}`, 'file:filed']),
      catalogue(this.server.issuer, ['generate', 'env:CORRIDOR_CLIENT_SECRET', 'file:binary']),
      file.replace('method: private_key_jwt', `client_secret: "${pasted}", method: private_key_jwt`),
      file.replace('rotate_every: 90d', `rotate_every: ${pasted}`),
      `${file}\n${pasted}: [`,
      // the same secrets for another server: they are bound to the first
      file.replace(this.server.issuer, 'https://elsewhere.example'),
    ];
    for (const source of broken) await this.at.administer(400, 'POST', '/v1/apply', { source });
    await this.at.administer(400, 'POST', '/v1/keys', { name: 'x', roles: ['auditor'], key: pasted });
    await this.at.administer(400, 'POST', '/v1/runs', `{"workflow":"${pasted}`, runtimeKey);
    await this.at.administer(401, 'GET', '/v1/entries', undefined, pasted);
    await this.at.administer(400, 'GET', `/v1/entries?key=${pasted}`, undefined, this.#auditorKey);
    await this.at.administer(404, 'GET', `/v1/${pasted}`, undefined, this.#auditorKey);
    await writeFile(path.join(policies.path, 'broken.rego'), `package corridor.broken\n\nsecret := input.nothing.of.the.kind(\n`);
  }

  /** Looks around once more, and then at what lies there when nobody is there any more. */
  async #evening(): Promise<Evening> {
    const { corridor } = this.at.door;
    const tokens = this.server.tokens('case:good');
    for (const text of tokens) await this.at.administer(200, 'POST', '/v1/trace', { query: text }, this.#auditorKey);
    const env = { ...process.env, CORRIDOR_URL: corridor.url, CORRIDOR_KEY: this.#auditorKey };
    const traced = await promisify(execFile)(process.execPath, [cli, 'trace', tokens[0] ?? ''], { env });
    this.at.told.push(traced.stdout, traced.stderr);
    for (const route of ['entries?limit=1000', 'suspensions', 'keys', 'posture'])
      await this.at.administer(200, 'GET', `/v1/${route}`, undefined, this.#auditorKey);
    await this.#watch();
    await corridor.stop();
    this.#watched.push(this.collector.received);
    this.#printed.push(corridor.output());
    const left = await lookInto(corridor.dataDir, ['by-key']);
    for (const jwk of left.privateKeys) this.at.secret("a client's private key", z.object({ d: z.string() }).parse(JSON.parse(jwk)).d);
    this.at.secret('the sealing key', left.sealingKey);
    const canaries = [...this.at.canaries, ...this.server.secrets()];
    const watched = this.#watched;
    return {
      canaries,
      told: this.at.told,
      printed: this.#printed,
      watched,
      left,
      revocations: this.server.revocations(),
      runs: this.#runs,
    };
  }
}

function catalogue(issuer: string, credentials = ['generate', 'env:CORRIDOR_CLIENT_SECRET', 'file:filed']): string {
  return catalogueOf({
    issuer,
    resources: { crm: { uri, scopes } },
    parties: workflows.map((workflow, index) => ({ workflow, client: workflow, resources: ['crm'], credential: credentials[index] ?? '' })),
  });
}
