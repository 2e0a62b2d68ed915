import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { JWK } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyWithGrants } from '../rig/policy-directory.js';

/** Tokens for the one are JWTs, which this server cannot revoke; those for the other are opaque, which it can. */
export const resources = ['https://crm.example/api', 'https://files.example/api'] as const;
export const scopes = ['things:read', 'things:write', 'things:list'] as const;
/** One has a client with a key, the other one with a secret. */
export const workflows = ['by-key', 'by-secret'] as const;
export const purpose = 'search-indexing';

/** A data directory in which one Corridor after the other lives, and an authorization server that outlives them all. */
export interface CrashWorld {
  readonly authorizationServer: RunningAuthorizationServer;
  readonly runtimeKey: string;
  readonly dataDir: string;
  start(script?: readonly [string, ...string[]]): Promise<RunningCorridor>;
  stop(): Promise<void>;
}

const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() }).transform((key): JWK => key)) });

export async function startCrashWorld(): Promise<CrashWorld> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-crash-'));
  const dataDir = path.join(directory, 'data');
  const [port, upstreamPort] = [await freePort(), await freePort()];
  const secret = randomBytes(32).toString('hex');
  const grants = workflows.flatMap((workflow) => resources.map((resource) => ({ workflow, purpose, resource, scopes, max_ttl: 3600 })));
  const policies = await policyWithGrants(grants);
  const start = (script?: readonly [string, ...string[]]): Promise<RunningCorridor> =>
    startCorridor({
      catalogue: catalogue(`http://127.0.0.1:${upstreamPort}`),
      policies: policies.path,
      env: { CORRIDOR_CLIENT_SECRET: secret },
      dataDir,
      port,
      ...(script === undefined ? {} : { script }),
    });

  const corridor = await start();
  const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  const { key: runtimeKey } = z.object({ key: z.string() }).parse(created.body);
  const { keys } = jwks.parse((await corridor.api('GET', '/oauth2/clients/keyed/jwks')).body);
  await corridor.stop();
  const authorizationServer = await startAuthorizationServer({
    port: upstreamPort,
    clients: [
      { client_id: 'corridor-keyed', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys } },
      { client_id: 'corridor-secret', token_endpoint_auth_method: 'client_secret_basic', client_secret: secret },
    ],
    resources: { [resources[0]]: { scopes, format: 'jwt' }, [resources[1]]: { scopes, format: 'opaque' } },
    delays: { before: 2, after: 3 },
  });
  return {
    authorizationServer,
    runtimeKey,
    dataDir,
    start,
    stop: async () => {
      await Promise.all([authorizationServer.stop(), policies.remove()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function catalogue(issuer: string): string {
  const resource = (uri: string): string =>
    `{ uri: "${uri}", authorization_server: upstream, scopes: [${scopes.join()}], max_token_ttl: 1h }`;
  const workflow = `{ owner: search-team@example.com, purposes: [${purpose}], max_run_ttl: 1h }`;
  const client = (name: string, workflow: string): string =>
    `client_id: corridor-${name}, authorization_server: upstream, owner: search-team@example.com, workflows: [${workflow}], ` +
    `resources: [crm, files], rotate_every: 90d, max_token_life: 1h`;
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources: { crm: ${resource(resources[0])}, files: ${resource(resources[1])} }
purposes: { ${purpose}: { description: Keep the search index current } }
workflows: { by-key: ${workflow}, by-secret: ${workflow} }
clients:
  keyed: { ${client('keyed', 'by-key')}, method: private_key_jwt, credential: generate }
  secret: { ${client('secret', 'by-secret')}, method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_SECRET" }
runtimes: { ci: { workflows: [${workflows.join()}] } }
`;
}
