import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as client from 'openid-client';
import { z } from 'zod';
import { isSecretMethod } from '../../src/catalogue/client-methods.js';
import { createAuthority } from '../rig/certificates.js';
import { cli } from '../rig/command-line.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyWithGrants } from '../rig/policy-directory.js';
import {
  crm,
  ledger,
  parties,
  tokenLife,
  unknownScope,
  type Party,
  type Registration,
  type RunningServer,
  type ServerUnderTest,
} from './server-under-test.js';
import { trusting, type Trusting } from '../rig/trusting.js';

const purpose = 'search-indexing';
/** Its policy lets tokens be used for a minute, whatever the server says. */
export const briefly: Party = { id: 'briefly', method: 'client_secret_basic' };
/** Its tokens must not live as long as the server makes them. */
export const tooLong: Party = { id: 'too-long', method: 'client_secret_basic', maxTokenLife: '2m' };
/** It has another secret than the server. */
export const wrongSecret: Party = { id: 'wrong-secret', method: 'client_secret_basic' };
/** Its tokens are bound to a key (RFC 9449), at the server; in the catalogue it is like any other. */
export const prover: Party = { id: 'prover', method: 'client_secret_basic' };
/** Seconds. */
export const brief = 60;

const entryShape = z.looseObject({
  id: z.string(),
  type: z.string(),
  fault: z.string().optional(),
  scope: z.looseObject({ granted: z.array(z.string()).optional() }).optional(),
});
export type Entry = z.infer<typeof entryShape>;

/** A refusal as an agent sees it; of a 5xx it sees no more than the status. */
export interface Refused {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: unknown;
}

/** An agent in a run of the workflow that has a party's name; openid-client, unmodified, speaks for it. */
export interface Agent {
  readonly run: string;
  ask(scope: string, resource: string): Promise<client.TokenEndpointResponse>;
  /** The same, where no token is expected. */
  refused(scope: string, resource: string): Promise<Refused>;
  endRun(): Promise<void>;
  /** What the record says of this run, the oldest first. */
  entries(): Promise<readonly Entry[]>;
}

export interface World {
  readonly corridor: RunningCorridor;
  readonly server: RunningServer;
  /** The authority of all certificates, in PEM. */
  readonly ca: string;
  readonly trusting: Trusting;
  /** What a party is registered with. */
  secretOf(party: Party): string;
  startAgent(party: Party): Promise<Agent>;
  /** What `corridor trace` knows of a token: its state, ends and revocation. */
  traced(token: string): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/** `corridor serve` before a real authorization server; `also` are parties of one server alone. */
export async function startWorld(kind: ServerUnderTest, also: readonly Party[] = []): Promise<World> {
  const all = [...parties.filter(({ id }) => kind.notOffered[id] === undefined), briefly, tooLong, wrongSecret, prover, ...also];
  const port = await freePort();
  const registrations = all.map((party): Registration => ({
    ...party,
    secret: `${randomBytes(24).toString('hex')} +%:&=`, // CONFORMANCE A12, Q1
    jwksUri: `http://127.0.0.1:${port}/oauth2/clients/${party.id}/jwks`,
    host: `${party.id.replaceAll('_', '-')}.example`,
  }));
  const authority = createAuthority('authority of the real servers');
  const secrets = await mkdtemp(path.join(os.tmpdir(), 'corridor-secrets-'));
  await writeFile(path.join(secrets, 'ca.pem'), authority.cert);
  for (const { id, host } of registrations.filter(({ method }) => method === 'tls_client_auth')) {
    const { key, cert } = authority.certify(host);
    await writeFile(path.join(secrets, `${id}.pem`), key + cert, { mode: 0o600 });
  }
  const server = await kind.start(registrations, { ...authority.certify('localhost'), ca: authority.cert });
  const policies = await policyWithGrants(
    all.flatMap(({ id }) => [
      grant(id, crm, ['crm:read', 'crm:write', unknownScope], id === briefly.id ? brief : undefined),
      grant(id, ledger, ['ledger:read']),
    ]),
  );
  const corridor = await startCorridor({
    script: [cli, 'serve'],
    port,
    catalogue: catalogue(kind, server.issuer, all),
    policies: policies.path,
    env: {
      CORRIDOR_SECRET_DIR: secrets,
      ...Object.fromEntries(registrations.map(({ id, secret }) => [variable(id), id === wrongSecret.id ? 'wrong' : secret])),
    },
  });
  const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  const { key } = z.object({ key: z.string() }).parse(created.body);
  return {
    corridor,
    server,
    ca: authority.cert,
    trusting: trusting(authority.cert),
    secretOf: (party) => registrations.find(({ id }) => id === party.id)?.secret ?? '',
    startAgent: (party) => startAgent(corridor, key, party),
    traced: async (token) => {
      const sha256 = createHash('sha256').update(token).digest('hex');
      const { body } = await corridor.api('GET', `/v1/trace?token_sha256=${sha256}`);
      return z.object({ token: z.looseObject({}) }).parse(body).token;
    },
    stop: async () => {
      await corridor.stop();
      await Promise.all([server.stop(), policies.remove(), rm(secrets, { recursive: true })]);
    },
  };
}

async function startAgent(corridor: RunningCorridor, runtimeKey: string, party: Party): Promise<Agent> {
  const wish = { workflow: party.id, purpose, agent: { name: 'indexer', version: '1.4.0', model: 'none' }, ttl: 900 };
  const started = await corridor.api('POST', '/v1/runs', wish, runtimeKey);
  const run = z.object({ client_id: z.string(), client_secret: z.string() }).parse(started.body);
  const configuration = await client.discovery(
    new URL(corridor.issuer),
    run.client_id,
    undefined,
    client.ClientSecretBasic(run.client_secret),
    {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    },
  );
  const ask = (scope: string, resource: string) => client.clientCredentialsGrant(configuration, { scope, resource });
  return {
    run: run.client_id,
    // on a busy machine it may be told to come back; a client does not read the body of a 5xx, so what went wrong is shown from the log
    ask: (scope, resource) =>
      ask(scope, resource).catch(async (thrown: unknown) => {
        const { status, retryAfter } = refusal(thrown);
        process.stderr.write(`[real servers] ${party.id} was told ${status}; Corridor said: ${corridor.output().slice(-1_000)}\n`);
        if (status !== 503) throw thrown;
        await wait(Number(retryAfter ?? 1) * 1000);
        return ask(scope, resource);
      }),
    refused: async (scope, resource) => refusal(await ask(scope, resource).catch((thrown: unknown) => thrown)),
    endRun: async () => void (await corridor.api('POST', `/v1/runs/${run.client_id}/end`, undefined, runtimeKey)),
    entries: async () => {
      const { body } = await corridor.api('GET', `/v1/entries?run=${run.client_id}&limit=200`);
      return z
        .object({ entries: z.array(entryShape) })
        .parse(body)
        .entries.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
  };
}

function refusal(thrown: unknown): Refused {
  if (thrown instanceof client.ResponseBodyError) {
    return { status: thrown.status, retryAfter: thrown.response.headers.get('retry-after'), body: thrown.cause };
  }
  // openid-client does not read the body of a 5xx
  const response = thrown instanceof Error ? thrown.cause : undefined;
  if (response instanceof Response) return { status: response.status, retryAfter: response.headers.get('retry-after'), body: null };
  throw new Error('a refusal was expected', { cause: thrown });
}

function grant(workflow: string, resource: string, scopes: readonly string[], maxTtl?: number) {
  return { workflow, purpose, resource, scopes, ...(maxTtl === undefined ? {} : { max_ttl: maxTtl }) };
}

const variable = (id: string): string => `CORRIDOR_CLIENT_${id.toUpperCase().replaceAll('-', '_')}`;

function catalogue(kind: ServerUnderTest, issuer: string, all: readonly Party[]): string {
  const ids = all.map(({ id }) => id);
  return `
version: 1
authorization_servers:
  real: { issuer: "${issuer}", profile: ${kind.profile}, allow_hosts: [localhost], ca: "file:ca.pem" }
resources:
  crm: { uri: "${crm}", authorization_server: real, scopes: [crm:read, crm:write, ${unknownScope}, crm:erase], max_token_ttl: 1h }
  ledger: { uri: "${ledger}", authorization_server: real, scopes: [ledger:read], max_token_ttl: 1h, verify_audience: true }
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
${ids.map((id) => `  ${id}: { owner: search-team@example.com, purposes: [${purpose}], max_run_ttl: 1h }`).join('\n')}
clients:
${all.map(clientOf).join('\n')}
runtimes:
  ci: { workflows: [${ids.join(', ')}] }
`;
}

function clientOf({ id, method, algorithm, maxTokenLife = '1h' }: Party): string {
  return `  ${id}: { client_id: ${id}, authorization_server: real, owner: search-team@example.com, workflows: [${id}], resources: [crm, ledger],
    method: ${method}, credential: "${credentialOf(method, id)}",${algorithm === undefined ? '' : ` algorithm: ${algorithm},`} rotate_every: 90d, max_token_life: ${maxTokenLife} }`;
}

function credentialOf(method: Party['method'], id: string): string {
  if (isSecretMethod(method)) return `env:${variable(id)}`;
  return method === 'tls_client_auth' ? `file:${id}.pem` : 'generate';
}

/** The ends of a token that lives as long as the server makes it, in milliseconds, give or take what asking took. */
export const aboutWholeLife = (from: number): readonly [number, number] => [from + (tokenLife - 10) * 1000, from + (tokenLife + 10) * 1000];
