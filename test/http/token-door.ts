import { cp } from 'node:fs/promises';
import path from 'node:path';
import { expect } from '@jest/globals';
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from 'jose';
import { z } from 'zod';
import { startCorridor, type ApiAnswer, type RunningCorridor } from '../rig/corridor.js';
import { HostileAuthorizationServer, json, type Behaviour } from '../rig/hostile-authorization-server.js';
import { policyWithGrants, type PolicyDirectory } from '../rig/policy-directory.js';

export const crm = 'https://crm.example/api';
/** Has no default scopes. */
export const billing = 'https://billing.example/api';
/** An origin and nothing else. */
export const bare = 'https://bare.example';
/** Its tokens are to be bound to a key. */
export const bound = 'https://bound.example/api';
/** Served by no client. */
export const hidden = 'https://hidden.example/api';

/** What a grant gives at crm, where it takes details. */
export const exportDetail = { type: 'crm_export', actions: ['list', 'read'], region: 'eu' };

export interface SecretRun {
  readonly id: string;
  readonly secret: string;
}

export interface KeyRun {
  readonly id: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: JWK;
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface TokenDoorOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** Types of authorization details that crm takes. */
  readonly detailTypes?: readonly string[];
}

/** The codes that Corridor documents, and the statuses that each may have. */
const statuses: Readonly<Record<string, readonly number[]>> = {
  invalid_request: [400, 404, 405, 408, 413, 414, 415, 431],
  invalid_client: [400, 401],
  unauthorized_client: [400],
  unsupported_grant_type: [400],
  unsupported_response_type: [400],
  invalid_scope: [400],
  invalid_target: [400],
  invalid_authorization_details: [400],
  access_denied: [400],
  slow_down: [429],
  server_error: [502],
  temporarily_unavailable: [503],
};
const workflows = ['nightly-index', 'one-resource', 'no-client'] as const;
const purpose = 'search-indexing';
const upstreamSecret = { CORRIDOR_CLIENT_INDEXER: 'a-secret-of-the-upstream-client' };
const secretRun = z
  .object({ client_id: z.string(), client_secret: z.string() })
  .transform(({ client_id: id, client_secret: secret }) => ({ id, secret }));
const members = z.record(z.string(), z.unknown());

/** A Corridor before an authorization server that issues opaque tokens, or does at `/token` as the test says. */
export class TokenDoor {
  private constructor(
    readonly corridor: RunningCorridor,
    readonly server: HostileAuthorizationServer,
    readonly runtimeKey: string,
    private readonly policies: PolicyDirectory,
    private readonly ownsThem = true,
  ) {}

  static async open({ env = {}, port, detailTypes = [] }: TokenDoorOptions = {}): Promise<TokenDoor> {
    const server = (await HostileAuthorizationServer.start()).publish().at('/token', issue()).at('/revoke', json({}));
    const policies = await policyWithGrants(
      workflows.flatMap((workflow) => [
        { workflow, purpose, resource: crm, scopes: ['crm:read'], authorization_details: [exportDetail] },
        { workflow, purpose, resource: billing, scopes: ['billing:read'] },
        { workflow, purpose, resource: bare, scopes: ['bare:use'] },
        { workflow, purpose, resource: bound, scopes: ['bound:use'] },
      ]),
    );
    const corridor = await startCorridor({
      catalogue: catalogue(server.issuer, detailTypes),
      policies: policies.path,
      env: { ...upstreamSecret, ...env },
      ...(port === undefined ? {} : { port }),
    });
    const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
    const { key } = z.object({ key: z.string() }).parse(created.body);
    return new TokenDoor(corridor, server, key, policies);
  }

  /** Another Corridor before the same authorization server, with the same keys: for one that shares the database. */
  async beside({ env = {} }: TokenDoorOptions): Promise<TokenDoor> {
    const dataDir = path.join(this.corridor.dataDir, '../beside'); // goes with the first one's
    for (const kept of ['keys', 'admin.key'])
      await cp(path.join(this.corridor.dataDir, kept), path.join(dataDir, kept), { recursive: true });
    const corridor = await startCorridor({
      catalogue: catalogue(this.server.issuer),
      policies: this.policies.path,
      env: { ...upstreamSecret, ...env },
      dataDir,
    });
    return new TokenDoor(corridor, this.server, this.runtimeKey, this.policies, false);
  }

  /** Where the token endpoint is, as it listens. */
  get url(): URL {
    return new URL('/oauth2/token', this.corridor.url);
  }

  /** Where its policy stands: for one that is started from its data. */
  get policyDirectory(): string {
    return this.policies.path;
  }

  /** How often the authorization server was asked for a token. */
  get upstreamRequests(): number {
    return this.server.requestsAt('/token').length;
  }

  async start(wish: Readonly<Record<string, unknown>> = {}): Promise<ApiAnswer> {
    const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
    return this.corridor.api('POST', '/v1/runs', { workflow: 'nightly-index', purpose, agent, ttl: 900, ...wish }, this.runtimeKey);
  }

  async startRun(wish: Readonly<Record<string, unknown>> = {}): Promise<SecretRun> {
    return secretRun.parse((await this.start(wish)).body);
  }

  /** Starts a run so that it can be done again: the same run then, with another secret. */
  async startRunOnce(repeatKey: string): Promise<SecretRun> {
    const response = await fetch(`${this.corridor.url}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.runtimeKey}`, 'content-type': 'application/json', 'idempotency-key': repeatKey },
      body: JSON.stringify({ workflow: 'nightly-index', purpose }),
    });
    return secretRun.parse(await response.json());
  }

  async startRunWithKey(algorithm = 'ES256', wish: Readonly<Record<string, unknown>> = {}): Promise<KeyRun> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    const publicKey = await exportJWK(pair.publicKey);
    const { body } = await this.start({ public_key: publicKey, ...wish });
    const { client_id: id } = z.object({ client_id: z.string() }).parse(body);
    return { id, privateKey: pair.privateKey, publicKey };
  }

  async endRun(id: string): Promise<void> {
    expect((await this.corridor.api('POST', `/v1/runs/${id}/end`, undefined, this.runtimeKey)).status).toBe(200);
  }

  /** Sends a form as it is written, and holds every answer to what all of them must be (B57, B62, B63). */
  async send(body: string, headers: Readonly<Record<string, string>> = {}): Promise<TokenAnswer> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
      redirect: 'manual',
    });
    const answer = { status: response.status, headers: response.headers, body: members.parse(await response.json()) };
    expectOAuthAnswer(answer);
    return answer;
  }

  /** A token request of a run by `client_secret_basic`. */
  async ask({ id, secret }: SecretRun, parameters: Readonly<Record<string, string>> = { resource: crm }): Promise<TokenAnswer> {
    return this.send(form({ grant_type: 'client_credentials', ...parameters }), { authorization: basic(id, secret) });
  }

  async entriesOf(run: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { body } = await this.corridor.api('GET', `/v1/entries?limit=200&run=${run}`);
    return z.object({ entries: z.array(members) }).parse(body).entries;
  }

  async close(): Promise<void> {
    await this.corridor.stop();
    if (this.ownsThem) await Promise.all([this.server.stop(), this.policies.remove()]);
  }
}

export const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
export const form = (parameters: Readonly<Record<string, string>>): string => new URLSearchParams(parameters).toString();

/** What every answer under /oauth2 is, be it good or not. */
export function expectOAuthAnswer({ status, headers, body }: TokenAnswer): void {
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('pragma')).toBe('no-cache');
  if (status === 200) {
    expect(body).not.toHaveProperty('error');
    return;
  }
  expect(statuses[String(body['error'])] ?? []).toContain(status);
  expect(body['error_description']).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  expect(status === 401).toBe(headers.has('www-authenticate'));
  expect(status === 429 || status === 503).toBe(headers.has('retry-after'));
}

/** A token of its own for each request, for the scope that was asked for. */
export function issue(more: Readonly<Record<string, unknown>> = {}): Behaviour {
  return (response, request) => {
    const scope = new URLSearchParams(request.body).get('scope') ?? '';
    const token = { access_token: `opaque-${Math.random().toString(36).slice(2)}`, token_type: 'Bearer', expires_in: 300, scope };
    return json({ ...token, ...more })(response, request);
  };
}

function catalogue(issuer: string, detailTypes: readonly string[] = []): string {
  const types = detailTypes.length === 0 ? '' : `authorization_details_types: [${detailTypes.join(', ')}], `;
  const ours = 'authorization_server: upstream, owner: search-team@example.com';
  const renewal = 'rotate_every: 90d, max_token_life: 1h';
  const secret = 'method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER"';
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read, crm:write], default_scopes: [crm:read], ${types}max_token_ttl: 1h }
  billing: { uri: "${billing}", authorization_server: upstream, scopes: [billing:read], max_token_ttl: 1h }
  bare: { uri: "${bare}", authorization_server: upstream, scopes: [bare:use], default_scopes: [bare:use], max_token_ttl: 1h }
  bound: { uri: "${bound}", authorization_server: upstream, scopes: [bound:use], default_scopes: [bound:use], max_token_ttl: 1h, sender_constraint: dpop }
  hidden: { uri: "${hidden}", authorization_server: upstream, scopes: [hidden:read], max_token_ttl: 1h }
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
${workflows.map((workflow) => `  ${workflow}: { owner: search-team@example.com, purposes: [${purpose}], max_run_ttl: 1h }`).join('\n')}
clients:
  indexer: { client_id: corridor-indexer, ${ours}, workflows: [nightly-index], resources: [crm, billing, bare, bound], ${secret}, ${renewal} }
  single: { client_id: corridor-single, ${ours}, workflows: [one-resource], resources: [crm], method: private_key_jwt, credential: generate, ${renewal} }
runtimes:
  ci: { workflows: [${workflows.join(', ')}] }
`;
}
