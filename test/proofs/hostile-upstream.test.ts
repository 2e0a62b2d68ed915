import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HostileAuthorizationServer, json, type SeenRequest } from '../rig/hostile-authorization-server.js';
import { catalogueOf } from './catalogue.js';
import { FrontDoor, purpose, type AgentRun, type TokenAnswer } from './front-door.js';
import { hostileAnswers, sent, uri } from './hostile-answers.js';
import { readRecord, stopEverything, type RecordedEntry } from './record.js';

const secret = randomBytes(32).toString('hex');
const scopeOf = (index: number): string => `case:n${index}`;
/** Each has a client of its own: what one server does to a client keeps Corridor from using it for a while. */
const workflowOf = (index: number): string => `nightly-index-${index}`;
/** Milliseconds: the exchange's deadline is ten seconds; the rest is a busy machine's. */
const IN_TIME = 18_000;

/** What came of one answer: of two who asked at once, `answer` is to whom the entry is named, and one who asks when time has gone by. */
interface Story {
  readonly run: AgentRun;
  readonly answer: TokenAnswer;
  readonly other: TokenAnswer;
  readonly took: number;
  readonly later: TokenAnswer;
}

let server: HostileAuthorizationServer;
let door: FrontDoor;
let stories: readonly Story[];
let record: readonly RecordedEntry[];

beforeAll(async () => {
  server = (await HostileAuthorizationServer.start()).publish().at('/revoke', json({}));
  const scopes = [...hostileAnswers.map((_, index) => scopeOf(index)), 'case:admin'];
  door = await FrontDoor.open({
    catalogue: catalogueOf({
      issuer: server.issuer,
      resources: { crm: { uri, scopes } },
      parties: hostileAnswers.map((_, index) => ({
        workflow: workflowOf(index),
        client: workflowOf(index),
        resources: ['crm'],
        credential: 'env:CORRIDOR_CLIENT_SECRET',
      })),
    }),
    grants: hostileAnswers.map((_, index) => ({ workflow: workflowOf(index), purpose, resource: uri, scopes: [scopeOf(index)] })),
    env: { CORRIDOR_CLIENT_SECRET: secret },
  });
  server.at('/token', (response, request) => {
    const scope = wordsOf(request).get('scope') ?? '';
    const hostile = tokenRequests(scope).length === 1 ? hostileAnswers[Number(scope.slice('case:n'.length))] : undefined;
    const good = { access_token: `good-${scope}`, token_type: 'Bearer', expires_in: 300, scope };
    return (hostile?.behaviour(scope, server.issuer) ?? json(good))(response, request);
  });
  stories = await Promise.all(hostileAnswers.map((_, index) => tell(index)));
  record = await readRecordWhen((entries) => hostileAnswers.every(({ token }, index) => token === undefined || isRevoked(entries, index)));
}, 120_000);
afterAll(async () => {
  await door.close();
  await server.stop();
});

const wordsOf = ({ body }: SeenRequest): URLSearchParams => new URLSearchParams(body);
const tokenRequests = (scope: string) => server.requestsAt('/token').filter((request) => wordsOf(request).get('scope') === scope);
const isRevoked = (entries: readonly RecordedEntry[], index: number): boolean =>
  entries.some(({ type, run }) => type === 'token.revoked' && run === stories[index]?.run.id);

async function tell(index: number): Promise<Story> {
  const scope = scopeOf(index);
  const run = await door.startRun(workflowOf(index));
  const began = performance.now();
  const both = await Promise.all([door.ask(run, { resource: uri, scope }), door.ask(run, { resource: uri, scope })]);
  const took = performance.now() - began;
  const [answer, other] = 'attribution' in both[0].body ? both : [both[1], both[0]];
  await wait(Number(answer.headers.get('retry-after') ?? 2) * 1000 + 500);
  return { run, answer, other, took, later: await door.ask(run, { resource: uri, scope }) };
}

async function readRecordWhen(enough: (entries: readonly RecordedEntry[]) => boolean): Promise<readonly RecordedEntry[]> {
  for (const until = performance.now() + 20_000; ; await wait(200)) {
    const entries = await readRecord(door.corridor);
    if (enough(entries) || performance.now() > until) return entries;
  }
}

describe.each(hostileAnswers.map((hostile, index) => ({ ...hostile, index })))('an authorization server that $name', (hostile) => {
  const story = (): Story => {
    const told = stories[hostile.index];
    if (told === undefined) throw new Error('there is no story of it');
    return told;
  };
  const entriesOf = (types: readonly string[]) => record.filter(({ run, type }) => run === story().run.id && types.includes(type));

  it('is answered for in time, with an entry', () => {
    const { answer, other, took } = story();
    const error = hostile.status === 502 ? 'server_error' : 'temporarily_unavailable';
    const said = { error, error_description: expect.any(String), reasons: [{ code: hostile.fault }] };
    expect([answer.status, answer.body]).toEqual([hostile.status, { ...said, attribution: expect.stringMatching(/^ent/) }]);
    expect([other.status, other.body]).toEqual([hostile.status, said]);
    if (hostile.status === 503) expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(took).toBeLessThan(IN_TIME);
    const [outcome] = entriesOf(['token.failed', 'token.unknown', 'token.refused']);
    expect(outcome).toMatchObject({ id: answer.body['attribution'], type: hostile.entry, fault: hostile.fault });
    expect(entriesOf(['token.requested'])).toHaveLength(2);
  });

  it('is not asked by the second, and nothing of its answer is kept', () => {
    const { later } = story();
    expect(tokenRequests(scopeOf(hostile.index))).toHaveLength(2);
    expect(later).toMatchObject({ status: 200, body: { access_token: `good-${scopeOf(hostile.index)}` } });
    expect(entriesOf(['token.released'])).toHaveLength(1);
  });

  if (hostile.token !== undefined) {
    it('has to revoke what it issued', () => {
      const revocations = server.requestsAt('/revoke').filter((request) => wordsOf(request).get('token') === hostile.token);
      expect(revocations).toHaveLength(1);
      expect(revocations[0]?.headers.authorization).toBe(
        `Basic ${Buffer.from(`corridor-${workflowOf(hostile.index)}:${secret}`).toString('base64')}`,
      );
      expect(isRevoked(record, hostile.index)).toBe(true);
    });
  }
});

describe('hostile authorization servers together', () => {
  it('have nothing of theirs repeated to agents, in the record or in the log', () => {
    const answers = stories.flatMap(({ answer, other }) => [answer.text, other.text]).join('\n');
    for (const told of [answers, JSON.stringify(record), door.corridor.output()]) expect(told).not.toMatch(/leak/i);
  });

  it('are followed nowhere, and not listened to for ever', () => {
    expect(server.requests.filter(({ target }) => target.includes('elsewhere'))).toEqual([]);
    expect(sent.bytes).toBeLessThan(32 * 1024 * 1024);
  });

  it('have what they may have issued listed as exposure', async () => {
    const doubtful = record.filter(({ type }) => type === 'token.unknown').map(({ issuance }) => issuance);
    expect(doubtful).toHaveLength(hostileAnswers.filter(({ entry }) => entry === 'token.unknown').length);
    const { exposed } = await stopEverything(door.corridor);
    expect(doubtful.filter((issuance) => !exposed.has(issuance ?? ''))).toEqual([]);
  });
});
