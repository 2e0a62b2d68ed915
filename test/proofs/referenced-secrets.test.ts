import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';

let server: RunningAuthorizationServer;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-secrets-'));
  server = await startAuthorizationServer({ clients: [], resources: {} });
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

function catalogue(more = ''): string {
  return `
version: 1
authorization_servers:
  upstream: { issuer: "${server.issuer}", profile: standard, allow_hosts: [127.0.0.1] }
resources:
  crm: { uri: "https://crm.example/api", authorization_server: upstream, scopes: [crm:read], max_token_ttl: 1h }
purposes:
  indexing: { description: Keep the search index current }
workflows:
  nightly: { owner: search-team@example.com, purposes: [indexing], max_run_ttl: 1h }
clients:
  indexer: { client_id: indexer, authorization_server: upstream, owner: search-team@example.com, workflows: [nightly],
             resources: [crm], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_INDEXER", rotate_every: 1s, max_token_life: 1h }
${more}`;
}

const entries = z.object({ entries: z.array(z.looseObject({ type: z.string() })) });

async function recorded(corridor: RunningCorridor, type: string): Promise<number> {
  return entries.parse((await corridor.api('GET', `/v1/entries?type=${type}`)).body).entries.length;
}

describe('a secret that is referred to', () => {
  it('is to prove itself when it has changed, in an entry, and its overdue rotation is said', async () => {
    const dataDir = path.join(directory, 'data');
    const start = (secret: string) => startCorridor({ catalogue: catalogue(), dataDir, env: { CORRIDOR_CLIENT_INDEXER: secret } });
    const one = randomBytes(24).toString('hex');
    let corridor = await start(one);
    expect([await recorded(corridor, 'credential.created'), await recorded(corridor, 'credential.changed')]).toEqual([1, 0]);
    await corridor.stop();

    corridor = await start(one);
    expect(await recorded(corridor, 'credential.changed')).toBe(0);
    expect(corridor.output()).toContain('"rotation_overdue"');
    expect(JSON.stringify((await corridor.api('GET', '/v1/posture')).body)).toContain('rotation_overdue');
    await corridor.stop();

    // this server knows neither, so the one that was in use stays so
    corridor = await start(randomBytes(24).toString('hex'));
    expect([await recorded(corridor, 'credential.created'), await recorded(corridor, 'credential.changed')]).toEqual([2, 0]);
    const { body } = await corridor.api('GET', '/v1/clients/indexer');
    expect(body).toMatchObject({
      credentials: [{ state: 'next' }, { state: 'current' }],
      rotation: { state: 'proving', begun_by: 'reference' },
      rotation_overdue: true,
    });
    await corridor.stop();
  }, 120_000);

  it('stays in use when it cannot be read any more, which is a finding until it can', async () => {
    const dataDir = path.join(directory, 'unreadable');
    const env = { CORRIDOR_CLIENT_INDEXER: randomBytes(24).toString('hex') };
    await (await startCorridor({ catalogue: catalogue(), dataDir, env })).stop();
    const findings = async (corridor: RunningCorridor): Promise<string> => JSON.stringify((await corridor.api('GET', '/v1/posture')).body);
    const without = await startCorridor({ catalogue: catalogue(), dataDir });
    expect(await findings(without)).toMatch(
      /"credential_unusable","severity":"warning","subject":"client indexer","message":"[^"]*CORRIDOR_CLIENT_INDEXER/,
    );
    expect(await findings(without)).not.toContain('credential_missing');
    await without.stop();
    const again = await startCorridor({ catalogue: catalogue(), dataDir, env });
    expect(await findings(again)).not.toContain('credential_unusable');
    await again.stop();
  }, 120_000);

  it('stops the first start with one message when it cannot be read', async () => {
    await expect(startCorridor({ catalogue: catalogue() })).rejects.toThrow(
      /is not applied, and nothing was changed:\n.*CORRIDOR_CLIENT_INDEXER/,
    );
  }, 60_000);
});

describe('applying a catalogue', () => {
  it('is refused upon another revision than it was planned from, and a difference at the start is a warning', async () => {
    const dataDir = path.join(directory, 'planned');
    const env = { CORRIDOR_CLIENT_INDEXER: randomBytes(24).toString('hex') };
    const corridor = await startCorridor({ catalogue: catalogue(), dataDir, env });
    const source = catalogue('runtimes:\n  ci: { workflows: [nightly] }\n');
    const stale = await corridor.api('POST', '/v1/apply', { source, expected_revision: 'of another day' });
    expect(stale).toMatchObject({ status: 409, body: { code: 'catalogue_moved' } });
    const planned = z
      .looseObject({ revision: z.string(), plan: z.array(z.string()) })
      .parse((await corridor.api('POST', '/v1/apply', { source, dry_run: true })).body);
    expect(planned.plan.join('\n')).toContain('+ runtime ci');
    expect(await corridor.api('POST', '/v1/apply', { source, expected_revision: planned.revision })).toMatchObject({
      status: 200,
      body: { applied: true },
    });
    expect(await recorded(corridor, 'catalogue.changed')).toBe(2);
    await corridor.stop();

    const again = await startCorridor({ catalogue: catalogue(), dataDir, env });
    expect(again.output()).toContain('"catalogue_differs"');
    await again.stop();
  }, 120_000);
});
