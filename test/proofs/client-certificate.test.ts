import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { createAuthority } from '../rig/certificates.js';
import { corridorCommand } from '../rig/command-line.js';
import { freePort, startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { policyWithGrants, type PolicyDirectory } from '../rig/policy-directory.js';

const authority = createAuthority('Private authority');
const crm = 'https://crm.example/api';
/** Its tokens are to be bound. */
const vault = 'https://vault.example/api';
const grants = ['nightly', 'daily'].flatMap((workflow) => [
  { workflow, purpose: 'indexing', resource: crm, scopes: ['crm:read'] },
  { workflow, purpose: 'indexing', resource: vault, scopes: ['vault:read'] },
]);

/** Its tokens are bound to its certificate, and those of the other are not. */
const bound = 'binding';

let directory: string;
let server: RunningAuthorizationServer;
let policies: PolicyDirectory;
let corridor: RunningCorridor;
let runtimeKey: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-certificates-'));
  await writeFile(path.join(directory, 'ca.pem'), authority.cert);
  const port = await freePort();
  server = await startAuthorizationServer({
    clients: ['indexer', bound].map((id) => ({
      client_id: id,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: id === bound,
      jwks_uri: `http://127.0.0.1:${port}/oauth2/clients/${id}/jwks`,
    })),
    resources: { [crm]: { scopes: ['crm:read'] }, [vault]: { scopes: ['vault:read'] } },
    tls: { host: 'localhost', ...authority.certify('localhost'), ca: authority.cert },
  });
  policies = await policyWithGrants(grants);
  corridor = await startCorridor({ catalogue: catalogue(), policies: policies.path, env: { CORRIDOR_SECRET_DIR: directory }, port });
  const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  runtimeKey = z.object({ key: z.string() }).parse(created.body).key;
}, 120_000);
afterAll(async () => {
  await Promise.all([corridor.stop(), server.stop(), policies.remove()]);
  await rm(directory, { recursive: true, force: true });
});

function catalogue(ca = 'ca.pem'): string {
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${server.issuer}", allow_hosts: [localhost], ca: "file:${ca}" }
resources:
  crm: { uri: "${crm}", authorization_server: upstream, scopes: [crm:read], max_token_ttl: 1h }
  vault: { uri: "${vault}", authorization_server: upstream, scopes: [vault:read], max_token_ttl: 1h, sender_constraint: mtls }
purposes:
  indexing: { description: Keep the search index current }
workflows:
  nightly: { owner: search-team@example.com, purposes: [indexing], max_run_ttl: 1h }
  daily: { owner: search-team@example.com, purposes: [indexing], max_run_ttl: 1h }
clients:
  indexer: { client_id: indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [nightly],
             resources: [crm, vault], method: self_signed_tls_client_auth, credential: generate, rotate_every: 90d, max_token_life: 1h }
  ${bound}: { client_id: ${bound}, authorization_server: upstream, owner: search-team@example.com, workflows: [daily],
             resources: [crm, vault], method: self_signed_tls_client_auth, credential: generate, rotate_every: 90d, max_token_life: 1h }
runtimes:
  ci: { workflows: [nightly, daily] }
`;
}

const key = z.looseObject({ keys: z.tuple([z.looseObject({ x5c: z.tuple([z.string()]) })]) });

async function ask(workflow: string) {
  const run = z
    .object({ client_id: z.string(), client_secret: z.string() })
    .parse((await corridor.api('POST', '/v1/runs', { workflow, purpose: 'indexing' }, runtimeKey)).body);
  const response = await fetch(`${corridor.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'crm:read', resource: crm, ...run }),
  });
  return { run: run.client_id, status: response.status, body: z.record(z.string(), z.unknown()).parse(await response.json()) };
}

describe('a client with a certificate that Corridor made, at a server that a private authority vouches for', () => {
  it('is known by the key set that Corridor serves (A6, A28, A29)', async () => {
    const shown = key.parse((await corridor.api('GET', '/oauth2/clients/indexer/jwks')).body).keys[0].x5c[0];
    expect(new X509Certificate(Buffer.from(shown, 'base64')).subject).toBe('CN=indexer');
    const { run, body } = await ask('nightly');
    expect(body).toMatchObject({ token_type: 'Bearer', access_token: expect.any(String) });
    expect(decodeJwt(String(body['access_token']))['cnf']).toBeUndefined();
    expect((await corridor.api('GET', `/v1/entries?run=${run}&type=token.released`)).body).toMatchObject({
      entries: [
        {
          id: body['attribution'],
          method: 'self_signed_tls_client_auth',
          token_endpoint: `${server.issuer}/mtls/token`,
          token: { binding: 'none' },
        },
      ],
    });
    expect(await server.requests()).not.toHaveProperty('POST /token');
  }, 60_000);

  it('hands out no token that the server bound to that certificate, since no agent could use it (A31, D6)', async () => {
    const { run, status, body } = await ask('daily');
    expect([status, body]).toMatchObject([502, { error: 'server_error', reasons: [{ code: 'binding_unasked' }] }]);
    expect(body).not.toHaveProperty('access_token');
    expect((await corridor.api('GET', `/v1/entries?run=${run}&type=token.refused`)).body).toMatchObject({
      entries: [{ id: body['attribution'], fault: 'binding_unasked', token: { binding: 'mtls' } }],
    });
    // a JWT, which this server cannot revoke
    expect((await corridor.api('GET', `/v1/exposure?run=${run}`)).body).toMatchObject({
      tokens: [{ state: 'refused', binding: 'mtls', audience: [crm], released: 0 }],
    });
  }, 60_000);

  it.each([
    [bound, 'passed', [], 'mtls'],
    ['indexer', 'failed', ['binding_mismatch'], 'unverified'],
  ])(
    'is checked where its tokens are to be bound to that certificate: %s (A31)',
    async (client, result, problems, binding) => {
      const { status, body } = await corridor.api('POST', `/v1/clients/${client}/check`, { resource: 'vault' });
      expect([status, body]).toMatchObject([
        200,
        { result, asked: { token_type: 'Bearer', binding: 'mtls' }, returned: { token_type: 'Bearer', audience: [vault], binding } },
      ]);
      expect(
        z
          .looseObject({ problems: z.array(z.object({ code: z.string() })) })
          .parse(body)
          .problems.map(({ code }) => code),
      ).toEqual(problems);
    },
    60_000,
  );

  it('is previewed under that authority, which is read below the secret directory alone (A6)', async () => {
    const env = { CORRIDOR_URL: corridor.url, CORRIDOR_KEY: corridor.adminKey };
    const preview = (...args: string[]) =>
      corridorCommand(['upstream', 'preview', server.issuer, '--allow-host', 'localhost', ...args], env);
    const { code, out } = await preview('--ca', 'file:ca.pem');
    expect(code).toBe(0);
    expect(out).toContain(`    allow_hosts: ["localhost"]\n    ca: "file:ca.pem"\n`);
    const untold = await preview();
    expect(untold.code).toBe(1);
    expect(untold.out).toMatch(/refused +tls_failed +its certificate was not accepted.*--ca file:…/);
    expect(await preview('--ca', 'file:nowhere.pem')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ENOENT') });
    for (const ca of ['file:../ca.pem', 'file:/etc/ssl/certs/ca-certificates.crt', 'env:CORRIDOR_CLIENT_CA', '/etc/passwd', ''])
      expect(await preview('--ca', ca)).toMatchObject({ code: 1, out: '' });
    const ofResource = await corridorCommand(
      ['upstream', 'preview', '--resource', `${server.issuer}/api`, '--allow-host', 'localhost', '--ca', 'file:ca.pem'],
      env,
    );
    expect(ofResource).toMatchObject({ code: 1, out: expect.stringContaining('status 404'), err: expect.stringContaining('says nothing') });
  }, 60_000);

  it('stays as it is when the catalogue is to trust a broken file, which is told by line and column', async () => {
    await writeFile(path.join(directory, 'broken.pem'), authority.cert.slice(0, 200));
    expect(await corridor.api('POST', '/v1/apply', { source: catalogue('broken.pem') })).toMatchObject({
      status: 400,
      body: {
        code: 'catalogue_invalid',
        problems: [{ line: 4, message: expect.stringContaining('authorization_servers.upstream.ca names a file') }],
      },
    });
    const entries = await corridor.api('GET', '/v1/entries?type=catalogue.changed');
    expect(z.object({ entries: z.array(z.unknown()) }).parse(entries.body).entries).toHaveLength(1);
  }, 60_000);

  it('fails to be read anew when it is trusted no more, and its metadata stays in use', async () => {
    await writeFile(path.join(directory, 'other.pem'), createAuthority('Another authority').cert);
    expect((await corridor.api('POST', '/v1/apply', { source: catalogue('other.pem') })).status).toBe(200);
    const env = { CORRIDOR_URL: corridor.url, CORRIDOR_KEY: corridor.adminKey };
    const refreshed = await corridorCommand(['upstream', 'refresh', 'upstream', '--json'], env);
    expect(refreshed).toMatchObject({
      code: 1,
      err: 'The metadata of upstream could not be read: tls_failed. What was pinned stays in use.\n',
    });
    expect(JSON.parse(refreshed.out)).toMatchObject({ fault: 'tls_failed', metadata: { usable: true } });
  }, 60_000);
});
