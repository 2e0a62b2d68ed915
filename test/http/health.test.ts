import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { HostileAuthorizationServer } from '../rig/hostile-authorization-server.js';

const starter = path.resolve(import.meta.dirname, '../../policies');

/** A Corridor without a policy, with a client whose rotation is overdue as soon as it has one. */
let corridor: RunningCorridor;
let server: HostileAuthorizationServer;
let policies: string;
beforeAll(async () => {
  server = (await HostileAuthorizationServer.start()).publish();
  policies = await mkdtemp(path.join(os.tmpdir(), 'corridor-no-policy-'));
  corridor = await startCorridor({
    catalogue: catalogue(server.issuer),
    policies,
    env: { CORRIDOR_CLIENT_INDEXER: 'a-secret-of-the-upstream-client', CORRIDOR_DRAIN: '5s' },
  });
}, 60_000);
afterAll(async () => {
  await corridor.stop();
  await Promise.all([server.stop(), rm(policies, { recursive: true, force: true })]);
});

async function look(target: string, authorization?: string) {
  const response = await fetch(corridor.url + target, { headers: authorization === undefined ? {} : { authorization } });
  return { status: response.status, cache: response.headers.get('cache-control'), body: (await response.json()) as unknown };
}

async function keyOf(role: string): Promise<string> {
  const { body } = await corridor.api('POST', '/v1/keys', {
    name: `a ${role}`,
    roles: [role],
    ...(role === 'runtime' ? { runtime: 'ci' } : {}),
  });
  return z.object({ key: z.string() }).parse(body).key;
}

const noPolicy = { code: 'no_policy', message: expect.stringContaining('corridor policy test') };

/** What the log says of readiness: the codes of why it was lost; empty when it was back. */
const told = (): readonly string[] =>
  corridor
    .output()
    .split('\n')
    .filter((line) => line.includes('"event":"readiness_'))
    .map((line) => change.parse(JSON.parse(line)))
    .map(({ level, event, reasons }) => [level, event, ...reasons.map(({ code, message }) => `${code}: ${message}`)].join(' '));
const change = z.object({
  level: z.string(),
  event: z.string(),
  reasons: z.array(z.object({ code: z.string(), message: z.string() })).default([]),
});

describe('health', () => {
  it('is told in the log with reasons in words, though nobody has asked', async () => {
    await until(() => told().length > 0);
    expect(told()[0]).toMatch(/^error readiness_lost no_policy: No policy is active/);
  });

  it('is that the process answers, whatever else is so', async () => {
    expect(await look('/healthz')).toEqual({ status: 200, cache: 'no-store', body: { alive: true } });
    expect((await fetch(`${corridor.url}/healthz`, { method: 'HEAD' })).status).toBe(200);
  });

  it('is not readiness: without a policy nothing is released, and it says so in words', async () => {
    expect(await look('/readyz')).toEqual({ status: 503, cache: 'no-store', body: { ready: false, reasons: [noPolicy] } });
  });

  it('tells whoever may read them which credentials are overdue, and how the last check of each client came out', async () => {
    expect((await corridor.api('POST', '/v1/clients/indexer/check', {})).status).toBe(200);
    const expected = {
      ready: false,
      reasons: [noPolicy],
      warnings: [{ code: 'rotation_overdue', severity: 'warning', subject: 'client indexer', message: expect.stringContaining('overdue') }],
      clients: [
        {
          client: 'indexer',
          rotation_due_at: expect.stringMatching(/^\d{4}-/),
          rotation_overdue: true,
          last_check: {
            time: expect.stringMatching(/^\d{4}-/),
            result: 'failed',
            problems: [expect.any(String)],
            entry: expect.stringMatching(/^ent/),
          },
        },
      ],
    };
    // its client is to be rotated each second, and the first one must have passed
    await until(async () =>
      JSON.stringify((await look('/readyz', `Bearer ${corridor.adminKey}`)).body).includes('"rotation_overdue":true'),
    );
    for (const key of [corridor.adminKey, await keyOf('auditor'), await keyOf('operator')])
      expect(await look('/readyz', `Bearer ${key}`)).toMatchObject({ status: 503, body: expected });
    expect(await look('/readyz', `Bearer ${await keyOf('runtime')}`)).toMatchObject({ status: 403, body: { code: 'role_missing' } });
    expect(await look('/readyz', `Bearer ${'x'.repeat(43)}`)).toMatchObject({ status: 401, body: { code: 'key_unknown' } });
  });

  it('is ready once there is a policy, and tells a stranger no more than that', async () => {
    await cp(starter, policies, { recursive: true });
    await until(async () => (await look('/readyz')).status === 200, 90_000);
    expect(await look('/readyz')).toEqual({ status: 200, cache: 'no-store', body: { ready: true, reasons: [] } });
    expect(await look('/readyz', `Bearer ${corridor.adminKey}`)).toMatchObject({
      status: 200,
      body: { ready: true, reasons: [], warnings: [{ code: 'rotation_overdue' }] },
    });
  }, 120_000);

  it('says that it closes before it does', async () => {
    const stopped = corridor.stop();
    await until(async () => (await look('/readyz')).status === 503);
    expect((await look('/readyz')).body).toEqual({ ready: false, reasons: [{ code: 'closing', message: expect.any(String) }] });
    expect((await look('/healthz')).status).toBe(200);
    await stopped;
    await expect(look('/readyz')).rejects.toThrow('fetch failed');
    expect(corridor.output()).toContain('"event":"stopped"');
    expect(told()).toContain('info readiness_back');
    expect(told().filter((line) => line.includes('no_policy'))).toHaveLength(1);
    expect(told().at(-1)).toMatch(/^info readiness_lost closing: It was told to stop/);
  });
});

function catalogue(issuer: string): string {
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "https://crm.example/api", authorization_server: upstream, scopes: [crm:read], default_scopes: [crm:read], max_token_ttl: 1h }
purposes:
  search-indexing: { description: Keep the search index current }
workflows:
  nightly-index: { owner: search-team@example.com, purposes: [search-indexing], max_run_ttl: 1h }
clients:
  indexer: { client_id: corridor-indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [nightly-index],
             resources: [crm], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 1s, max_token_life: 1h }
runtimes:
  ci: { workflows: [nightly-index] }
`;
}
