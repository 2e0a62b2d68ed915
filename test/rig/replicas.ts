import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from './authorization-server.js';
import { startCorridor, type RunningCorridor } from './corridor.js';
import { policyOf, policyWithGrants, type PolicyDirectory } from './policy-directory.js';
import { copyTemplate } from './template.js';

export const crm = 'https://crm.example/api';
const workflow = 'nightly-index';
const purpose = 'search-indexing';

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const answerBody = z.record(z.string(), z.unknown());
const startedRun = z.object({ id: z.string(), client_secret: z.string() });

export interface ReplicasOptions {
  readonly redisUrl?: string;
  readonly rego?: string;
  readonly format?: 'jwt' | 'opaque';
}

interface StartOptions {
  readonly policies?: string;
  readonly script?: string;
  readonly role?: 'api' | 'worker' | 'all';
  /** Where it serves its metrics, if anywhere. */
  readonly metricsPort?: number;
}

/** What several Corridors over one PostgreSQL share: data directory, policy, catalogue and authorization server. */
export class Replicas {
  readonly #running: RunningCorridor[] = [];

  private constructor(
    readonly databaseUrl: string,
    readonly authorizationServer: RunningAuthorizationServer,
    readonly policies: PolicyDirectory,
    readonly dataDir: string,
    private readonly secret: string,
    private readonly redisUrl: string | null,
  ) {}

  /** `rego`: a policy in place of the starter policy with one grant. */
  static async over(databaseUrl: string, options: ReplicasOptions = {}): Promise<Replicas> {
    const { redisUrl = null, rego, format = 'jwt' } = options;
    const secret = randomBytes(32).toString('hex');
    const authorizationServer = await startAuthorizationServer({
      clients: [{ client_id: 'corridor-indexer', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }],
      resources: { [crm]: { scopes: ['crm:read', 'crm:write'], format } },
    });
    const granted = [{ workflow, purpose, resource: crm, scopes: ['crm:read'] }];
    const policies = await (rego === undefined ? policyWithGrants(granted) : policyOf(rego));
    return new Replicas(databaseUrl, authorizationServer, policies, await copyTemplate(), secret, redisUrl);
  }

  get environment(): Readonly<Record<string, string>> {
    const needed = { CORRIDOR_DATABASE_URL: this.databaseUrl, CORRIDOR_CLIENT_INDEXER: this.secret };
    return this.redisUrl === null ? needed : { ...needed, CORRIDOR_REDIS_URL: this.redisUrl };
  }

  /** `script`: of another build than this one. */
  async start({ policies = this.policies.path, script, role, metricsPort }: StartOptions = {}): Promise<RunningCorridor> {
    const corridor = await startCorridor({
      catalogue: catalogueFor(this.authorizationServer.issuer),
      policies,
      dataDir: this.dataDir,
      env: {
        ...this.environment,
        ...(role === undefined ? {} : { CORRIDOR_ROLE: role }),
        ...(metricsPort === undefined ? {} : { CORRIDOR_METRICS_PORT: String(metricsPort) }),
      },
      ...(script === undefined ? {} : { script: [script] as const }),
    });
    this.#running.push(corridor);
    return corridor;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((corridor) => corridor.stop()));
    await Promise.all([this.authorizationServer.stop(), this.policies.remove(), rm(this.dataDir, { recursive: true, force: true })]);
  }
}

/** A key for the runtime `ci`. */
export async function runtimeKeyAt(corridor: RunningCorridor): Promise<string> {
  const { body } = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  return z.object({ key: z.string() }).parse(body).key;
}

/** Starts a run; with an Idempotency-Key a repeat gives the same run with a new secret. */
export async function startRunAt(
  corridor: RunningCorridor,
  key: string,
  repeatKey?: string,
  agent = 'indexer',
): Promise<{ id: string; secret: string }> {
  const response = await fetch(`${corridor.url}/v1/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(repeatKey === undefined ? {} : { 'idempotency-key': repeatKey }),
    },
    body: JSON.stringify({ workflow, purpose, agent: { name: agent, version: '1.4.0' }, ttl: 900 }),
  });
  const { id, client_secret: secret } = startedRun.parse(await response.json());
  return { id, secret };
}

export async function askAt(corridor: RunningCorridor, run: { id: string; secret: string }, scope = 'crm:read'): Promise<Answer> {
  const response = await fetch(`${corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: crm, scope }),
  });
  return { status: response.status, body: answerBody.parse(await response.json()) };
}

const catalogueFor = (issuer: string): string => `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read, crm:write], default_scopes: [crm:read], max_token_ttl: 1h }
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
  ${workflow}: { owner: search-team@example.com, purposes: [${purpose}], max_run_ttl: 1h, labels: { environment: test } }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [${workflow}],
             resources: [crm], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [${workflow}] }
`;
