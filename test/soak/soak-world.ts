import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyWithGrants, type PolicyDirectory } from '../rig/policy-directory.js';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { runtimeKeyAt } from '../rig/replicas.js';
import { copyTemplate } from '../rig/template.js';
import { RestartablePostgres } from '../scaled/restartable-postgres.js';
import type { LoadSettings } from './load.js';

const roles = { 'api-1': 'api', 'api-2': 'api', worker: 'worker' } as const;
type Name = keyof typeof roles;
export const processes = Object.keys(roles) as readonly Name[];
/** Of these, memory can be compared: no fault ends them. */
export const lasting: readonly Name[] = ['api-1', 'worker'];
export const database = 'soak';

/** Tokens for the one live for five minutes and can be revoked; those for the other are handed out for ten seconds, and cannot. */
export const lengthy = 'https://lengthy.example/api';
const brief = 'https://brief.example/api';
const scope = 'things:read';
const run = { workflow: 'soaked', purpose: 'soaking', agent: { name: 'soaker', version: '1.0.0' }, operator: 'ada@example.com' };

/** Two replicas and a worker over PostgreSQL and, where there is one, Redis, with an authorization server: each a process of its own. */
export class SoakWorld {
  readonly #running = new Map<Name, RunningCorridor>();
  readonly #ports = new Map<Name, { readonly port: number; readonly metrics: number }>();

  private constructor(
    readonly postgres: RestartablePostgres,
    readonly redis: TestRedis | null,
    readonly authorizationServer: RunningAuthorizationServer,
    private readonly policies: PolicyDirectory,
    private readonly dataDir: string,
    private readonly secret: string,
  ) {}

  static async start(): Promise<SoakWorld> {
    const secret = randomBytes(32).toString('hex');
    const postgres = await RestartablePostgres.start();
    await postgres.freshDatabase(database);
    const authorizationServer = await startAuthorizationServer({
      clients: [{ client_id: 'corridor-soaked', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }],
      resources: { [lengthy]: { scopes: [scope], ttl: 300, format: 'opaque' }, [brief]: { scopes: [scope], ttl: 60, format: 'jwt' } },
    });
    const grants = [lengthy, brief].map((resource) => ({ workflow: run.workflow, purpose: run.purpose, resource, scopes: [scope] }));
    const policies = await policyWithGrants(grants);
    const world = new SoakWorld(postgres, await startRedis(), authorizationServer, policies, await copyTemplate(), secret);
    for (const name of processes) world.#ports.set(name, { port: await freePort(), metrics: await freePort() });
    try {
      await Promise.all(processes.map((name) => world.startProcess(name)));
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  /** Starts one, in place of the one before it if there was one. */
  async startProcess(name: Name): Promise<void> {
    const { port = 0, metrics = 0 } = this.#ports.get(name) ?? {};
    const environment = {
      CORRIDOR_ROLE: roles[name],
      CORRIDOR_DATABASE_URL: this.postgres.url(database),
      CORRIDOR_PUBLIC_URL: `http://127.0.0.1:${this.#ports.get('api-1')?.port}`,
      CORRIDOR_METRICS_PORT: String(metrics),
      CORRIDOR_CLIENT_SOAKED: this.secret,
      ...(this.redis === null ? {} : { CORRIDOR_REDIS_URL: this.redis.url }),
    };
    const started = await startCorridor({
      catalogue: catalogueFor(this.authorizationServer.issuer),
      policies: this.policies.path,
      dataDir: this.dataDir,
      port,
      env: environment,
      script: ['--max-semi-space-size=64', path.join(import.meta.dirname, '../../dist/main.js')], // as the image has it
    });
    this.#running.set(name, started);
  }

  corridor(name: Name): RunningCorridor {
    const corridor = this.#running.get(name);
    if (corridor === undefined) throw new TypeError(`${name} was never started`);
    return corridor;
  }

  /** Its metrics, as text. */
  async metrics(name: string): Promise<string> {
    const url = `http://127.0.0.1:${this.#ports.get(name as Name)?.metrics}/metrics`;
    return (await fetch(url, { signal: AbortSignal.timeout(1_500) })).text();
  }

  async loadSettings(): Promise<LoadSettings> {
    const [one, other] = [this.corridor('api-1'), this.corridor('api-2')];
    return { urls: [one.url, other.url], key: await runtimeKeyAt(one), run, resources: [lengthy, brief], scope };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((corridor) => corridor.stop()));
    await Promise.all([this.authorizationServer.stop(), this.policies.remove(), this.redis?.stop(), this.postgres.stop()]);
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

const catalogueFor = (issuer: string): string => `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  lengthy: { uri: "${lengthy}", authorization_server: upstream, scopes: [${scope}], max_token_ttl: 1h }
  brief: { uri: "${brief}", authorization_server: upstream, scopes: [${scope}], max_token_ttl: 10s }
purposes:
  ${run.purpose}: { description: Find out what time does }
workflows:
  ${run.workflow}: { owner: soak@example.com, purposes: [${run.purpose}], max_run_ttl: 1h, max_run_requests_per_minute: 10000000 }
clients:
  soaked: { client_id: corridor-soaked, authorization_server: upstream, owner: soak@example.com, workflows: [${run.workflow}],
            resources: [lengthy, brief], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_SOAKED", rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [${run.workflow}] }
`;
