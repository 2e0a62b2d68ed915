import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startAuthorizationServer, type RunningAuthorizationServer } from '../rig/authorization-server.js';
import { freePort } from '../rig/corridor.js';
import { catalogueOf } from './catalogue.js';
import { FrontDoor, type AgentRun, type TokenAnswer } from './front-door.js';
import { readRecord } from './record.js';

const crm = 'https://crm.example/api';
const files = 'https://files.example/api';
const scopes = ['things:read', 'things:list'];
const workflows = ['nightly-index', 'weekly-index'];
const many = 'https://many.example/api';
const manyScopes = Array.from({ length: 50 }, (_, index) => `many:n${index}`);

/** Runs share the tokens of one resource. */
const rego = `package corridor.token

default decision := {"allow": true}

decision := {"allow": true, "obligations": {"isolation": "workflow"}} if input.resource.id == "many"
`;

let server: RunningAuthorizationServer;
let door: FrontDoor;
beforeAll(async () => {
  const port = await freePort();
  const secrets = workflows.map(() => randomBytes(32).toString('hex'));
  [server, door] = await Promise.all([
    startAuthorizationServer({
      port,
      clients: workflows.map((workflow, index) => ({
        client_id: `corridor-${workflow}`,
        token_endpoint_auth_method: 'client_secret_basic',
        client_secret: secrets[index] ?? '',
      })),
      resources: { [crm]: { scopes }, [files]: { scopes }, [many]: { scopes: manyScopes } },
    }),
    FrontDoor.open({
      catalogue: catalogueOf({
        issuer: `http://127.0.0.1:${port}`,
        resources: { crm: { uri: crm, scopes }, files: { uri: files, scopes }, many: { uri: many, scopes: manyScopes } },
        parties: workflows.map((workflow, index) => ({
          workflow,
          client: workflow,
          resources: ['crm', 'files', 'many'],
          credential: `env:CORRIDOR_CLIENT_${index}`,
        })),
      }),
      grants: [],
      rego,
      env: Object.fromEntries(secrets.map((secret, index) => [`CORRIDOR_CLIENT_${index}`, secret])),
    }),
  ]);
}, 90_000);
afterAll(async () => {
  await door.close();
  await server.stop();
});

const asked = async (): Promise<number> => (await server.requests())['POST /token'] ?? 0;
const tokenOf = ({ body }: TokenAnswer): unknown => body['access_token'];

/** For what those were turned away who asked again. */
const turnedAway = new Set<string>();
beforeEach(() => turnedAway.clear());
/** Very many decisions at once may be more than a busy machine makes in time: who is told so, and nothing else, asks again. */
async function askUntil(run: AgentRun, wish: Readonly<Record<string, string>>): Promise<TokenAnswer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await door.ask(run, wish);
    if (answer.status === 200 || attempt === 20) return answer;
    turnedAway.add(JSON.stringify(answer.body['reasons']));
    await wait(Number(answer.headers.get('retry-after') ?? 1) * 1_000);
  }
}
function expectBusyAtMost(): void {
  expect([...turnedAway].filter((reasons) => !/^\[\{"code":"policy_(overloaded|timeout)"\}\]$/.test(reasons))).toEqual([]);
}

describe('a stampede', () => {
  it('of 1,000 who ask for the same at once makes one upstream call, and 1,000 releases with an entry each', async () => {
    const run = await door.startRun('nightly-index');
    const before = await asked();
    await server.delay({ before: 1_000 });
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => askUntil(run, { resource: crm, scope: 'things:read' })));
    await server.delay({ before: 0 });

    expectBusyAtMost();
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(tokenOf)).size).toBe(1);
    expect((await asked()) - before).toBe(1);

    const entries = (await readRecord(door.corridor)).filter((entry) => entry.run === run.id);
    const ofType = (type: string) => entries.filter((entry) => entry.type === type);
    const released = ofType('token.released');
    expect(new Set(released.map(({ id }) => id))).toEqual(new Set(answers.map(({ body }) => body['attribution'])));
    expect(released).toHaveLength(1_000);
    expect(released.filter(({ cached }) => cached === false)).toHaveLength(1);
    expect([ofType('token.requested').length, ofType('token.issued').length]).toEqual([1, 1]);
    expect(new Set(entries.flatMap(({ issuance }) => issuance ?? [])).size).toBe(1);
  }, 180_000);

  it('of requests that differ in one input each has a token of its own', async () => {
    const [run, sister, other] = [
      await door.startRun('nightly-index'),
      await door.startRun('nightly-index'),
      await door.startRun('weekly-index'),
    ];
    const asks: [string, AgentRun, Record<string, string>][] = [
      ['this run', run, { resource: crm, scope: 'things:read' }],
      ['another run', sister, { resource: crm, scope: 'things:read' }],
      ['another workflow, and so another client', other, { resource: crm, scope: 'things:read' }],
      ['another resource', run, { resource: files, scope: 'things:read' }],
      ['another scope', run, { resource: crm, scope: 'things:list' }],
      ['more scopes', run, { resource: crm, scope: 'things:list things:read' }],
    ];
    const before = await asked();
    await server.delay({ before: 300 });
    const answers = await Promise.all(asks.flatMap(([, who, wish]) => Array.from({ length: 20 }, () => askUntil(who, wish))));
    await server.delay({ before: 0 });

    expectBusyAtMost();
    const tokensOf = asks.map((_, index) => new Set(answers.slice(index * 20, index * 20 + 20).map(tokenOf)));
    expect(tokensOf.map((tokens, index) => [asks[index]?.[0], tokens.size])).toEqual(asks.map(([name]) => [name, 1]));
    expect(new Set(tokensOf.flatMap((tokens) => [...tokens])).size).toBe(asks.length);
    expect((await asked()) - before).toBe(asks.length);
  }, 180_000);

  it('of 1,000 runs at start-up over 50 keys that they share makes 50 upstream calls, and 1,000 releases with an entry each (A66)', async () => {
    const runs: AgentRun[] = [];
    for (let started = 0; started < 1_000; started += 50) {
      runs.push(...(await Promise.all(Array.from({ length: 50 }, () => door.startRun('nightly-index')))));
    }
    const before = await asked();
    const answers = await Promise.all(runs.map((run, index) => askUntil(run, { resource: many, scope: manyScopes[index % 50] ?? '' })));
    expectBusyAtMost();
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await asked()) - before).toBe(50);
    expect(new Set(answers.map(tokenOf)).size).toBe(50);
    expect(answers.every((answer, index) => tokenOf(answer) === tokenOf(answers[index % 50] ?? answer))).toBe(true);

    const own = new Set(runs.map(({ id }) => id));
    const entries = (await readRecord(door.corridor)).filter(({ run }) => own.has(run ?? ''));
    const released = entries.filter(({ type }) => type === 'token.released');
    expect(new Set(released.map(({ id }) => id))).toEqual(new Set(answers.map(({ body }) => body['attribution'])));
    expect(entries.filter(({ type }) => type === 'token.requested')).toHaveLength(50);
  }, 180_000);

  it('in another order of the same scopes is the same request', async () => {
    const run = await door.startRun('nightly-index');
    const before = await asked();
    const one = await door.ask(run, { resource: crm, scope: 'things:list things:read' });
    const other = await door.ask(run, { resource: crm, scope: 'things:read things:list' });
    expect([one.status, tokenOf(other)]).toEqual([200, tokenOf(one)]);
    expect((await asked()) - before).toBe(1);
  });
});
