import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair, type CryptoKey } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyOf, policyWithGrants } from '../rig/policy-directory.js';
import { startProtectedApi } from '../rig/protected-api.js';
import { startProtectedMcpServer, type RunningMcpServer } from '../rig/protected-mcp-server.js';

const runStarted = z.object({
  client_id: z.string(),
  client_secret: z.string().optional(),
  issuer: z.string(),
  token_endpoint: z.string(),
});
const entryShape = z.looseObject({ id: z.string(), type: z.string(), run: z.string().optional() });

export const crm = 'https://crm.example/api';
/** Its tokens are opaque, so that their server can revoke them. */
export const ledger = 'https://ledger.example/api';
export const billing = 'https://billing.example/api';
const workflow = 'nightly-index';
const purpose = 'search-indexing';

/** What a runtime gives an agent that authenticates by secret. */
export interface RunBySecret {
  readonly id: string;
  readonly secret: string;
}

/** What a runtime gives an agent that authenticates by a key that it holds itself. */
export interface RunByKey {
  readonly id: string;
  readonly privateKey: CryptoKey;
}

/** A Corridor between agents and an API, an MCP server and their authorization server, all of them real and on loopback. */
export interface World {
  readonly corridor: RunningCorridor;
  readonly authorizationServer: RunningAuthorizationServer;
  readonly mcp: RunningMcpServer;
  startRun(wish?: Readonly<Record<string, unknown>>): Promise<RunBySecret>;
  startRunWithKey(algorithm: 'ES256' | 'EdDSA' | 'PS256' | 'RS256'): Promise<RunByKey>;
  endRun(id: string): Promise<void>;
  /** Stops the workflow of all runs here; the result lifts the stop again. */
  suspendWorkflow(): Promise<() => Promise<void>>;
  entry(id: unknown): Promise<z.infer<typeof entryShape> | undefined>;
  /** The API's answer to a token, by its status. */
  callApi(token: string): Promise<number>;
  stop(): Promise<void>;
}

/** With the starter policy and grants for this world, or with the Rego that is given in its place. */
export async function startWorld(rego?: string, env: Readonly<Record<string, string>> = {}): Promise<World> {
  const started: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).reverse()) await end();
  };
  try {
    return { ...(await build(started, rego, env)), stop };
  } catch (error) {
    await stop(); // else its processes would keep the tests from ending
    throw error;
  }
}

async function build(
  started: (() => Promise<void>)[],
  rego: string | undefined,
  env: Readonly<Record<string, string>>,
): Promise<Omit<World, 'stop'>> {
  const mcp = await startProtectedMcpServer('mcp:use');
  started.push(() => mcp.stop());
  const secret = randomBytes(32).toString('hex');
  const authorizationServer = await startAuthorizationServer({
    clients: [{ client_id: 'corridor-indexer', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret }],
    resources: {
      [crm]: { scopes: ['crm:read', 'crm:write'] },
      [ledger]: { scopes: ['ledger:read'], format: 'opaque' },
      [mcp.url]: { scopes: ['mcp:use'] },
    },
  });
  started.push(() => authorizationServer.stop());
  const api = await startProtectedApi({ issuer: authorizationServer.issuer, audience: crm, scope: 'crm:read' });
  started.push(() => api.stop());
  const policies =
    rego !== undefined
      ? await policyOf(rego)
      : await policyWithGrants([
          { workflow, purpose, resource: crm, scopes: ['crm:read'] },
          { workflow, purpose, resource: ledger, scopes: ['ledger:read'] },
          { workflow, purpose, resource: mcp.url, scopes: ['mcp:use'] },
        ]);
  started.push(() => policies.remove());
  const corridor = await startCorridor({
    catalogue: catalogue(authorizationServer.issuer, mcp.url),
    policies: policies.path,
    env: { CORRIDOR_CLIENT_INDEXER: secret, ...env },
  });
  started.push(() => corridor.stop());
  mcp.trust({ tokenIssuer: authorizationServer.issuer, authorizationServer: corridor.issuer });
  const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  const { key } = z.object({ key: z.string() }).parse(created.body);

  const start = async (wish: Readonly<Record<string, unknown>> = {}) => {
    const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
    const body = { workflow, purpose, agent, ttl: 900, ...wish };
    return runStarted.parse((await corridor.api('POST', '/v1/runs', body, key)).body);
  };
  return {
    corridor,
    authorizationServer,
    mcp,
    startRun: async (wish) => {
      const { client_id: id, client_secret: runSecret } = await start(wish);
      return { id, secret: z.string().parse(runSecret) };
    },
    startRunWithKey: async (algorithm) => {
      const pair = await generateKeyPair(algorithm, { extractable: true });
      const { client_id: id } = await start({ public_key: await exportJWK(pair.publicKey) });
      return { id, privateKey: pair.privateKey };
    },
    endRun: async (id) => void (await corridor.api('POST', `/v1/runs/${id}/end`, undefined, key)),
    suspendWorkflow: async () => {
      const { body } = await corridor.api('POST', '/v1/suspensions', {
        kind: 'workflow',
        id: workflow,
        reason: 'a drill',
        expires_at: null,
      });
      const { id } = z.object({ id: z.string() }).parse(body);
      return async () => void (await corridor.api('DELETE', `/v1/suspensions/${id}`));
    },
    entry: async (id) => {
      const { body } = await corridor.api('GET', '/v1/entries?limit=200');
      return z
        .object({ entries: z.array(entryShape) })
        .parse(body)
        .entries.find((entry) => entry.id === id);
    },
    callApi: async (token) => (await fetch(`${api.url}/customers`, { headers: { authorization: `Bearer ${token}` } })).status,
  };
}

function catalogue(issuer: string, mcpUrl: string): string {
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read, crm:write], default_scopes: [crm:read], max_token_ttl: 1h }
  ledger: { uri: "${ledger}", authorization_server: upstream, scopes: [ledger:read], default_scopes: [ledger:read], max_token_ttl: 1h }
  billing: { uri: "${billing}", authorization_server: upstream, scopes: [billing:read], max_token_ttl: 1h }
  mcp: { uri: "${mcpUrl}", authorization_server: upstream, scopes: [mcp:use], default_scopes: [mcp:use], max_token_ttl: 1h }
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
  ${workflow}: { owner: search-team@example.com, purposes: [${purpose}], max_run_ttl: 1h, labels: { environment: test } }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [${workflow}],
             resources: [crm, ledger, mcp], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [${workflow}] }
`;
}
