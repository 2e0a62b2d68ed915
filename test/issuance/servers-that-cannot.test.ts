import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { until } from '../rig/command-line.js';
import { startCorridor, type RunningCorridor } from '../rig/corridor.js';
import { HostileAuthorizationServer, json } from '../rig/hostile-authorization-server.js';
import { policyOf, type PolicyDirectory } from '../rig/policy-directory.js';

/** Everything is allowed; an operator whose name is "less" is allowed the first scope alone. */
const rego = `package corridor.token

default decision := {"allow": true, "reasons": [{"code": "granted"}]}

decision := {"allow": true, "reasons": [{"code": "granted"}], "obligations": {"scopes": [input.request.scopes[0]]}} if {
	input.run.operator == "less"
}

decision := {"allow": true, "reasons": [{"code": "granted"}], "obligations": {"authorization_details": input.request.authorization_details}} if {
	input.run.operator == "ada"
	input.request.authorization_details
}
`;

const purpose = 'search-indexing';
const details = '[{"type":"export"}]';
const resourceOf = (name: string): string => `https://${name}.example/api`;

let corridor: RunningCorridor;
let policies: PolicyDirectory;
let runtimeKey: string;
/** By what they cannot: narrow, or give each run a text of its own; the last says so in its profile. */
const servers: Record<string, HostileAuthorizationServer> = {};

beforeAll(async () => {
  for (const name of ['all', 'repeating', 'sharing']) servers[name] = await HostileAuthorizationServer.start();
  servers['all']
    ?.publish()
    .at('/token', (response, request) =>
      json({ access_token: randomBytes(16).toString('hex'), token_type: 'Bearer', expires_in: 300 })(response, request),
    );
  for (const name of ['repeating', 'sharing']) {
    let text = randomBytes(16).toString('hex');
    const server = servers[name];
    server
      ?.publish()
      .at('/token', (response, request) => json({ access_token: text, token_type: 'Bearer', expires_in: 300 })(response, request));
    server?.at('/revoke', (response, request) => {
      text = randomBytes(16).toString('hex');
      return json({})(response, request);
    });
  }
  policies = await policyOf(rego);
  corridor = await startCorridor({
    catalogue: catalogue(),
    policies: policies.path,
    env: Object.fromEntries(Object.keys(servers).map((name) => [`CORRIDOR_CLIENT_${name.toUpperCase()}`, `the secret at ${name}`])),
  });
  const created = await corridor.api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
  runtimeKey = z.object({ key: z.string() }).parse(created.body).key;
}, 60_000);
afterAll(async () => {
  await corridor.stop();
  await Promise.all([...Object.values(servers).map((server) => server.stop()), policies.remove()]);
});

interface Run {
  readonly id: string;
  readonly secret: string;
}

async function start(workflow = 'nightly', operator = 'ada'): Promise<Run> {
  const agent = { name: 'indexer', version: '1.4.0', model: 'none' };
  const { body } = await corridor.api('POST', '/v1/runs', { workflow, purpose, agent, operator, ttl: 900 }, runtimeKey);
  const { id, client_secret: secret } = z.object({ id: z.string(), client_secret: z.string() }).parse(body);
  return { id, secret };
}

async function ask({ id, secret }: Run, name: string, scope: string, details = '') {
  const response = await fetch(`${corridor.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: resourceOf(name),
      ...(scope === '' ? {} : { scope }),
      ...(details === '' ? {} : { authorization_details: details }),
    }),
  });
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(await response.json()) };
}

async function entriesOf(run: Run): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await corridor.api('GET', `/v1/entries?run=${run.id}&limit=200`);
  return z.object({ entries: z.array(z.record(z.string(), z.unknown())) }).parse(body).entries;
}

const asked = (name: string): number => servers[name]?.requestsAt('/token').length ?? 0;

describe('a server that grants all that the client holds', () => {
  it('is asked for it by one scope, when all of it is wanted', async () => {
    const { status, body } = await ask(await start(), 'all', 'write read');
    expect([status, body['scope']]).toEqual([200, 'read write']);
    expect(new URLSearchParams(servers['all']?.requestsAt('/token').at(-1)?.body).get('scope')).toBe(`${resourceOf('all')}/.default`);
  });

  it.each([
    ['a part of it', 'nightly', 'ada', 'read', ''],
    ['more than this client holds', 'reading', 'ada', 'read write', ''],
    ['all of it where the policy decides less', 'nightly', 'less', 'read write', ''],
    ['authorization details without a scope', 'nightly', 'ada', '', details],
  ])(
    'is not asked for %s: refused as cannot_narrow before anything is sent, and recorded',
    async (_, workflow, operator, scope, detailed) => {
      const before = asked('all');
      const run = await start(workflow, operator);
      const { status, body } = await ask(run, 'all', scope, detailed);
      expect(status).toBe(400);
      expect(body).toMatchObject({ error: 'invalid_scope', reasons: [{ code: 'cannot_narrow' }] });
      const [entry] = await entriesOf(run);
      expect(entry).toMatchObject({
        id: body['attribution'],
        type: 'token.refused',
        decision: { by: 'guardrail', allow: false, reasons: [{ code: 'cannot_narrow' }] },
      });
      expect(asked('all')).toBe(before);
    },
  );

  it('is asked for authorization details beside all of it', async () => {
    const { status } = await ask(await start(), 'all', 'read write', details);
    // it says nothing of them, so that its token is not handed out: but it was asked
    expect(status).toBe(502);
    expect(new URLSearchParams(servers['all']?.requestsAt('/token').at(-1)?.body).get('authorization_details')).toBe(details);
  });

  it('gives a client that holds less exactly that', async () => {
    const { status, body } = await ask(await start('reading'), 'all', 'read');
    expect([status, body['scope']]).toEqual([200, 'read']);
  });

  it.each([
    ['whole', ['read', 'write']],
    ['part', ['read']],
  ])('is asked by the check of client %s for all that it holds, which is the least', async (client, scope) => {
    const { status, body } = await corridor.api('POST', `/v1/clients/${client}/check`, {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ asked: { scope }, returned: { scope } });
  });
});

describe('a server that gives one text to two runs', () => {
  it('is refused for the second, whose record names the text, and the first keeps its token', async () => {
    const [first, second] = [await start(), await start()];
    const given = await ask(first, 'repeating', 'read');
    const refused = await ask(second, 'repeating', 'read');
    expect(refused).toMatchObject({ status: 502, body: { error: 'server_error', reasons: [{ code: 'token_reused' }] } });
    expect(JSON.stringify(refused.body)).not.toContain(given.body['access_token']);
    const [released] = (await entriesOf(first)).filter(({ type }) => type === 'token.released');
    const [entry] = (await entriesOf(second)).filter(({ type }) => type === 'token.refused');
    expect(entry).toMatchObject({ id: refused.body['attribution'], fault: 'token_reused' });
    expect(entry?.['token']).toMatchObject({ sha256: z.object({ sha256: z.string() }).parse(released?.['token']).sha256 });
    expect(servers['repeating']?.requestsAt('/revoke')).toHaveLength(0);
    expect((await ask(first, 'repeating', 'read')).body['access_token']).toBe(given.body['access_token']);
  });

  it('is recorded as shared where its profile says that it reuses tokens, and the text ends with the last run that has it', async () => {
    const [first, second] = [await start(), await start()];
    const given = await ask(first, 'sharing', 'read');
    const shared = await ask(second, 'sharing', 'read');
    expect([shared.status, shared.body['access_token']]).toEqual([200, given.body['access_token']]);
    const [own] = (await entriesOf(first)).filter(({ type }) => type === 'token.issued');
    const entries = await entriesOf(second);
    expect(entries.find(({ type }) => type === 'token.issued')).toMatchObject({ shared_with: own?.['issuance'] });
    expect(entries.find(({ type }) => type === 'token.released')).toMatchObject({ issuance: own?.['issuance'], cached: false });

    await corridor.api('POST', `/v1/runs/${first.id}/end`, undefined, runtimeKey);
    expect((await ask(second, 'sharing', 'read')).body['access_token']).toBe(given.body['access_token']);
    expect(servers['sharing']?.requestsAt('/revoke')).toHaveLength(0);
    await corridor.api('POST', `/v1/runs/${second.id}/end`, undefined, runtimeKey);
    const third = await start();
    await untilRevoked('sharing', given.body['access_token']);
    expect((await ask(third, 'sharing', 'read')).body['access_token']).not.toBe(given.body['access_token']);
  });

  it('does not share it between two resources of the server: a stop of the second would not find it', async () => {
    await fetch(`${servers['sharing']?.revocationEndpoint}`, { method: 'POST' });
    const run = await start();
    const given = await ask(run, 'sharing', 'read');
    const refused = await ask(run, 'beside', 'read');
    expect([given.status, refused.status]).toEqual([200, 502]);
    expect(refused.body).toMatchObject({ error: 'server_error', reasons: [{ code: 'token_reused' }] });
    expect(JSON.stringify(refused.body)).not.toContain(given.body['access_token']);
    await corridor.api('POST', `/v1/runs/${run.id}/end`, undefined, runtimeKey);
    await untilRevoked('sharing', given.body['access_token']);
  });

  it.each([
    ['sharing', 'shared', { result: 'passed', problems: [] }],
    ['repeating', 'repeated', { result: 'failed', problems: [{ code: 'token_reused' }] }],
  ])('gives it to a check of the client too, which leaves it to the run that holds it: %s', async (name, client, found) => {
    // a text that nobody holds yet
    await fetch(`${servers[name]?.revocationEndpoint}`, { method: 'POST' });
    const run = await start();
    const given = await ask(run, name, 'read');
    expect(given.status).toBe(200);
    const revocations = servers[name]?.requestsAt('/revoke').length;
    const before = asked(name);
    const { status, body } = await corridor.api('POST', `/v1/clients/${client}/check`, { workflow: 'nightly' });
    expect([status, asked(name)]).toEqual([200, before + 1]);
    expect(body).toMatchObject({ ...found, revocation: 'in_use' });
    // what it was given is in nobody's hands but the run's, and nothing is left to be revoked
    const { run: check } = z.object({ run: z.string() }).parse(body);
    expect((await corridor.api('GET', `/v1/exposure?run=${check}`)).body).toMatchObject({ tokens: [] });
    expect((await corridor.api('GET', `/v1/exposure?run=${run.id}`)).body).toMatchObject({ tokens: [{ revocation: null }] });
    expect(servers[name]?.requestsAt('/revoke')).toHaveLength(revocations ?? 0);
    expect((await ask(run, name, 'read')).body['access_token']).toBe(given.body['access_token']);
    await corridor.api('POST', `/v1/runs/${run.id}/end`, undefined, runtimeKey);
    await untilRevoked(name, given.body['access_token']);
  });

  it('shares nothing with a check: what that was given is revoked, and a run gets another', async () => {
    const { body } = await corridor.api('POST', '/v1/clients/shared/check', { workflow: 'nightly' });
    expect(body).toMatchObject({ result: 'passed', revocation: 'revoked' });
    const { run } = z.object({ run: z.string() }).parse(body);
    const types = (await entriesOf({ id: run, secret: '' })).map(({ type }) => type);
    expect(types).toContain('token.issued');
    expect(types).not.toContain('token.released');
    expect((await ask(await start(), 'sharing', 'read')).status).toBe(200);
  });

  it('is refused for a run of another workflow all the same', async () => {
    const [run, other] = [await start(), await start('reading')];
    expect((await ask(run, 'sharing', 'read')).status).toBe(200);
    expect((await ask(other, 'sharing', 'read')).body).toMatchObject({ reasons: [{ code: 'token_reused' }] });
  });

  it('loses the text of all when one of those who share it is stopped', async () => {
    const [first, second] = [await start(), await start()];
    const given = await ask(first, 'sharing', 'read');
    expect((await ask(second, 'sharing', 'read')).body['access_token']).toBe(given.body['access_token']);
    await corridor.api('POST', '/v1/suspensions', { kind: 'run', id: first.id, reason: 'a drill', expires_at: null });
    await untilRevoked('sharing', given.body['access_token']);
    const anew = await ask(second, 'sharing', 'read');
    expect(anew.status).toBe(200);
    expect(anew.body['access_token']).not.toBe(given.body['access_token']);
  });
});

async function untilRevoked(name: string, text: unknown): Promise<void> {
  const isRevoked = (): boolean =>
    servers[name]?.requestsAt('/revoke').some(({ body }) => new URLSearchParams(body).get('token') === text) === true;
  await until(isRevoked);
}

function catalogue(): string {
  const owner = 'owner: search-team@example.com';
  const client = (name: string, workflow: string, resource: string, more = ''): string =>
    `  ${name}: { client_id: corridor-${name}, authorization_server: ${resource}, ${owner}, workflows: [${workflow}], resources: [${resource === 'sharing' ? 'sharing, beside' : resource}], method: client_secret_basic, credential: "env:CORRIDOR_CLIENT_${resource.toUpperCase()}", rotate_every: 90d, max_token_life: 1h${more} }`;
  const server = (name: string, profile: string): string =>
    `  ${name}: { issuer: "${servers[name]?.issuer}", profile: ${profile}, allow_hosts: [127.0.0.1] }`;
  return `version: 1
authorization_servers:
${server('all', '{ name: standard, scope_form: dot_default, resource_parameter: none }')}
${server('repeating', 'standard')}
${server('sharing', '{ name: standard, reuses_tokens: true }')}
resources:
${['all', 'repeating', 'sharing'].map((name) => `  ${name}: { uri: "${resourceOf(name)}", authorization_server: ${name}, scopes: [read, write], authorization_details_types: [export], max_token_ttl: 1h }`).join('\n')}
  beside: { uri: "${resourceOf('beside')}", authorization_server: sharing, scopes: [read, write], max_token_ttl: 1h }
purposes:
  ${purpose}: { description: Keep the search index current }
workflows:
  nightly: { ${owner}, purposes: [${purpose}], max_run_ttl: 1h }
  reading: { ${owner}, purposes: [${purpose}], max_run_ttl: 1h }
clients:
${client('whole', 'nightly', 'all')}
${client('part', 'reading', 'all', ', holds: { all: [read] }')}
${client('repeated', 'nightly', 'repeating')}
${client('shared', 'nightly, reading', 'sharing')}
runtimes:
  ci: { workflows: [nightly, reading] }
`;
}
