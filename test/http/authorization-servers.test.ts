import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { startCorridor } from '../rig/corridor.js';
import { json } from '../rig/hostile-authorization-server.js';
import { basic, issue, TokenDoor } from './token-door.js';

const wellKnown = '/.well-known/oauth-authorization-server';
const shown = z.looseObject({
  metadata: z.looseObject({ token_endpoint: z.string().nullable(), digest: z.string() }).nullable(),
  metadata_drift: z.array(
    z.looseObject({ field: z.string(), used: z.string().nullable(), offered: z.string().nullable(), since: z.string() }),
  ),
  offered: z.looseObject({ digest: z.string(), problem: z.string().nullable() }).nullable(),
});
const findings = z.object({ findings: z.array(z.looseObject({ code: z.string(), subject: z.string(), message: z.string() })) });
const entries = z.object({ entries: z.array(z.record(z.string(), z.unknown())) });

let door: TokenDoor;
let issuer: string;
beforeAll(async () => {
  door = await TokenDoor.open();
  issuer = door.server.issuer;
  door.server.at('/moved', issue());
}, 60_000);
afterAll(() => door.close());

const show = async () => shown.parse((await door.corridor.api('GET', '/v1/authorization-servers/upstream')).body);
const refresh = async () => shown.parse((await door.corridor.api('POST', '/v1/authorization-servers/upstream/refresh')).body);
const approve = (digest: unknown) => door.corridor.api('POST', '/v1/authorization-servers/upstream/approve', { digest });
const recorded = async (type: string) => entries.parse((await door.corridor.api('GET', `/v1/entries?type=${type}`)).body).entries;
const drift = async () =>
  findings.parse((await door.corridor.api('GET', '/v1/posture')).body).findings.filter(({ code }) => code === 'metadata_drift');
const ask = async () => door.ask(await door.startRun());

describe('the metadata of an authorization server', () => {
  it('is read when it is first needed, kept with an entry, and shown', async () => {
    expect(await show()).toMatchObject({ issuer, metadata: null, read_at: null, metadata_drift: [], offered: null });
    expect((await door.corridor.api('POST', '/v1/authorization-servers/upstream/refresh')).status).toBe(409);
    expect((await ask()).status).toBe(200);
    expect(await show()).toMatchObject({
      id: 'upstream',
      issuer,
      profile: 'standard',
      metadata: {
        source: 'document',
        usable: true,
        token_endpoint: `${issuer}/token`,
        revocation_endpoint: `${issuer}/revoke`,
        location: issuer + wellKnown,
        approved_by: null,
        warnings: ['grant_types_not_published'],
      },
      read_at: expect.any(String),
      fault: null,
      metadata_drift: [],
    });
    expect(await recorded('metadata.pinned')).toEqual([
      expect.objectContaining({
        authorization_server: 'upstream',
        issuer,
        location: issuer + wellKnown,
        endpoints: { token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` },
      }),
    ]);
    const { body } = await door.corridor.api('GET', '/v1/authorization-servers');
    expect(body).toEqual({ authorization_servers: [await show()] });
    expect((await door.corridor.api('GET', '/v1/authorization-servers/constructor')).status).toBe(404);
  });

  it('is taken over when only what the server can do has changed', async () => {
    door.server.publish({ grant_types_supported: ['client_credentials'] });
    expect(await refresh()).toMatchObject({
      metadata: { grant_types_supported: ['client_credentials'], warnings: [] },
      metadata_drift: [],
    });
    expect(await recorded('metadata.changed')).toHaveLength(1);
    await refresh();
    expect(await recorded('metadata.changed')).toHaveLength(1);
  });

  it('is held when an endpoint or the keys move, while the old ones stay in use (A74)', async () => {
    door.server.publish({ token_endpoint: `${issuer}/moved`, jwks_uri: `${issuer}/jwks` });
    const seen = await refresh();
    expect(seen).toMatchObject({
      metadata: { token_endpoint: `${issuer}/token`, jwks_uri: null },
      metadata_drift: [
        { field: 'token_endpoint', used: `${issuer}/token`, offered: `${issuer}/moved`, since: expect.any(String) },
        { field: 'jwks_uri', used: null, offered: `${issuer}/jwks` },
      ],
      offered: { digest: expect.any(String), problem: null },
    });
    expect((await refresh()).metadata_drift).toEqual(seen.metadata_drift);
    expect(await drift()).toEqual([
      expect.objectContaining({
        severity: 'warning',
        subject: 'authorization server upstream',
        message: expect.stringContaining('another token_endpoint, jwks_uri than is in use'),
      }),
    ]);
    expect((await ask()).status).toBe(200);
    expect(door.server.requestsAt('/moved')).toEqual([]);
    expect(await door.corridor.api('GET', '/readyz')).toMatchObject({
      status: 200,
      body: { ready: true, warnings: [{ code: 'metadata_drift', subject: 'authorization server upstream' }] },
    });
  });

  it('is approved by its digest alone, so that nobody approves what they have not seen', async () => {
    const before = await show();
    door.server.publish({ token_endpoint: `${issuer}/moved` });
    const after = await refresh();
    expect(after.offered?.digest).not.toBe(before.offered?.digest);
    expect(await approve(before.offered?.digest)).toMatchObject({ status: 409, body: { code: 'metadata_moved' } });
    expect(await approve(before.metadata?.digest)).toMatchObject({ status: 409, body: { code: 'metadata_moved' } });
    expect((await approve('x')).status).toBe(400);
    expect((await show()).metadata?.token_endpoint).toBe(`${issuer}/token`);

    const { body: auditor } = await door.corridor.api('POST', '/v1/keys', { name: 'eve', roles: ['auditor'] });
    const { key } = z.object({ key: z.string() }).parse(auditor);
    const refused = await door.corridor.api('POST', '/v1/authorization-servers/upstream/approve', { digest: after.offered?.digest }, key);
    expect(refused.status).toBe(403);

    expect(await approve(after.offered?.digest)).toMatchObject({
      status: 200,
      body: { metadata: { token_endpoint: `${issuer}/moved`, approved_by: 'admin' }, metadata_drift: [], offered: null },
    });
    await until(() =>
      /"event":"administered","action":"metadata.approved","by":"admin",.*"subject":"upstream"/.test(door.corridor.output()),
    );
    expect(await recorded('metadata.approved')).toEqual([
      expect.objectContaining({
        sha256: after.offered?.digest,
        replaces: after.metadata?.digest,
        approved_by: 'admin',
        moved: [{ field: 'token_endpoint', used: `${issuer}/token`, offered: `${issuer}/moved` }],
      }),
    ]);
    expect(await drift()).toEqual([]);
    const asked = door.server.requestsAt('/token').length;
    expect((await ask()).status).toBe(200);
    expect(door.server.requestsAt('/token')).toHaveLength(asked);
    expect(door.server.requestsAt('/moved')).toHaveLength(1);
    expect(await approve(after.offered?.digest)).toMatchObject({ status: 409, body: { code: 'nothing_offered' } });
  });

  it.each([
    ['another issuer', { issuer: 'https://other.example' }, 'issuer', 'its issuer is not'],
    ['another origin', { token_endpoint: 'https://evil.example/token' }, 'token_endpoint', 'no token endpoint that may be used'],
    ['no token endpoint', { token_endpoint: null }, 'token_endpoint', 'no token endpoint that may be used'],
  ])('is shown and cannot be approved with %s (A71, A73)', async (_, members, field, problem) => {
    door.server.publish({ token_endpoint: `${issuer}/moved`, ...members });
    const { offered, metadata_drift: fields, metadata } = await refresh();
    expect(fields).toMatchObject([{ field }]);
    expect(offered?.problem).toContain(problem);
    expect(await approve(offered?.digest)).toMatchObject({ status: 409, body: { code: 'metadata_unusable' } });
    expect(metadata?.token_endpoint).toBe(`${issuer}/moved`);
    expect((await ask()).status).toBe(200);
  });

  it('waits no more when the server publishes again what is in use', async () => {
    door.server.publish({ token_endpoint: `${issuer}/moved` });
    expect(await refresh()).toMatchObject({ metadata_drift: [], offered: null });
  });

  it('outlasts a server that publishes none, and a restart then (A74)', async () => {
    door.server.at(wellKnown, json({}, 500));
    expect(await refresh()).toMatchObject({ fault: 'server_unavailable', metadata: { token_endpoint: `${issuer}/moved` } });
    const { dataDir, configFile } = door.corridor;
    await door.corridor.kill();
    const policies = door.policyDirectory;
    const env = { CORRIDOR_CLIENT_INDEXER: 'a-secret-of-the-upstream-client' };
    const again = await startCorridor({ catalogue: await readFile(configFile, 'utf8'), dataDir, policies, env });
    try {
      const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
      const wish = { workflow: 'nightly-index', purpose: 'search-indexing', agent, ttl: 900 };
      const { body } = await again.api('POST', '/v1/runs', wish, door.runtimeKey);
      const { client_id: id, client_secret: secret } = z.object({ client_id: z.string(), client_secret: z.string() }).parse(body);
      const read = door.server.requestsAt(wellKnown).length;
      const response = await fetch(`${again.issuer}/token`, {
        method: 'POST',
        headers: { authorization: basic(id, secret) },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'https://crm.example/api' }),
      });
      expect(response.status).toBe(200);
      expect(door.server.requestsAt(wellKnown)).toHaveLength(read);
    } finally {
      await again.stop();
    }
  });
});
