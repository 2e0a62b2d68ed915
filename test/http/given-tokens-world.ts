import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';
import type { RunByKey, RunBySecret } from '../interop/world.js';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyOf } from '../rig/policy-directory.js';

/** Its tokens are opaque, and can be revoked at their server. */
export const crm = 'https://crm.example/api';
/** Its tokens are JWTs, which their server cannot revoke. */
export const reports = 'https://reports.example/api';

/** Runs share a token where their operator is "share", and may have one for a second where it is "brief". */
const rego = `package corridor.token

default decision := {"allow": true}

decision := {"allow": true, "obligations": {"isolation": "workflow"}} if input.run.operator == "share"

decision := {"allow": true, "obligations": {"max_ttl": 3}} if input.run.operator == "brief"
`;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

type RunWish = Readonly<Record<string, unknown>> & { readonly runtime?: string };

/** Agents, Corridor, and an authorization server whose tokens for one resource can be revoked and for another cannot. */
export interface GivenTokensWorld {
  readonly corridor: RunningCorridor;
  readonly authorizationServer: RunningAuthorizationServer;
  /** `runtime` is the one that starts it, the rest its body. */
  startRun(wish?: RunWish): Promise<RunBySecret>;
  startRunWithKey(): Promise<RunByKey>;
  endRun(id: string): Promise<void>;
  /** Posts a form to one of the OAuth endpoints. */
  ask(endpoint: 'token' | 'revoke' | 'introspect', form: Readonly<Record<string, string>>, authorization?: string): Promise<Answer>;
  /** A token for the run, by default an opaque one. */
  tokenFor(run: RunBySecret, resource?: string): Promise<string>;
  stop(): Promise<void>;
}

const started = z.object({ client_id: z.string(), client_secret: z.string().default('') });

export function basic({ id, secret }: RunBySecret): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

/** Further workflows and runtimes, by what the catalogue says of them; every workflow is served by the one client, every runtime gets a key. */
export interface Further {
  readonly workflows?: Readonly<Record<string, string>>;
  readonly runtimes?: Readonly<Record<string, string>>;
}

export async function startGivenTokensWorld({ workflows = {}, runtimes = {} }: Further = {}): Promise<GivenTokensWorld> {
  const secret = randomBytes(32).toString('hex');
  const authorizationServer = await startAuthorizationServer({
    clients: [{ client_id: 'corridor-indexer', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }],
    resources: { [crm]: { scopes: ['crm:read', 'crm:write'], format: 'opaque' }, [reports]: { scopes: ['reports:read'] } },
  });
  const policies = await policyOf(rego);
  const corridor = await startCorridor({
    catalogue: catalogue(authorizationServer.issuer, workflows, runtimes),
    policies: policies.path,
    env: { CORRIDOR_CLIENT_INDEXER: secret },
  });
  const keys = new Map<string, string>();
  for (const runtime of ['ci', ...Object.keys(runtimes)]) {
    const { body } = await corridor.api('POST', '/v1/keys', { name: runtime, roles: ['runtime'], runtime });
    keys.set(runtime, z.object({ key: z.string() }).parse(body).key);
  }
  const key = keys.get('ci') ?? '';
  const start = async ({ runtime = 'ci', ...wish }: RunWish) => {
    const body = { workflow: 'nightly-index', purpose: 'search-indexing', ttl: 900, ...wish };
    const key = keys.get(runtime) ?? '';
    return started.parse((await corridor.api('POST', '/v1/runs', body, key)).body);
  };
  const ask: GivenTokensWorld['ask'] = async (endpoint, form, authorization) => {
    const response = await fetch(`${corridor.issuer}/${endpoint}`, {
      method: 'POST',
      headers: authorization === undefined ? {} : { authorization },
      body: new URLSearchParams(form),
    });
    const text = await response.text();
    const body: unknown = text === '' ? null : JSON.parse(text);
    return { status: response.status, headers: response.headers, text, body };
  };
  return {
    corridor,
    authorizationServer,
    ask,
    startRun: async (wish = {}) => {
      const { client_id: id, client_secret: given } = await start(wish);
      return { id, secret: given };
    },
    startRunWithKey: async () => {
      const pair = await generateKeyPair('ES256', { extractable: true });
      const { client_id: id } = await start({ public_key: await exportJWK(pair.publicKey) });
      return { id, privateKey: pair.privateKey };
    },
    endRun: async (id) => void (await corridor.api('POST', `/v1/runs/${id}/end`, undefined, key)),
    tokenFor: async (run, resource = crm) => {
      const { body } = await ask('token', { grant_type: 'client_credentials', resource }, basic(run));
      return z.object({ access_token: z.string() }).parse(body).access_token;
    },
    stop: async () => {
      await corridor.stop();
      await Promise.all([authorizationServer.stop(), policies.remove()]);
    },
  };
}

function catalogue(issuer: string, workflows: Readonly<Record<string, string>>, runtimes: Readonly<Record<string, string>>): string {
  const all = ['nightly-index', ...Object.keys(workflows)].join(', ');
  const lines = (further: Readonly<Record<string, string>>, common: string): string =>
    Object.entries(further)
      .map(([id, members]) => `\n  ${id}: { ${common}, ${members} }`)
      .join('');
  const common = 'owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h';
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read, crm:write], default_scopes: [crm:read], max_token_ttl: 1h }
  reports: { uri: "${reports}", authorization_server: upstream, scopes: [reports:read], default_scopes: [reports:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { ${common} }${lines(workflows, common)}
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [${all}],
             resources: [crm, reports], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [${all}] }${lines(runtimes, `workflows: [${all}]`)}
`;
}
