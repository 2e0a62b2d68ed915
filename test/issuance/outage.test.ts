import { beforeEach, describe, expect, it } from '@jest/globals';
import { OAuthError } from '../../src/oauth/errors.js';
import type { Run } from '../../src/runs/run.js';
import { MemoryWorld, type MemoryReplica } from '../rig/memory-world.js';
import { answer, hangs, isDown, TruthfulServer, type Behaviour } from '../rig/truthful-server.js';

const crm = 'https://crm.example/api';

let server: TruthfulServer;
let world: MemoryWorld;
let replica: MemoryReplica;
beforeEach(() => {
  world = new MemoryWorld({
    http: (clock) => Object.assign((server = new TruthfulServer(clock)), { latency: 0 }),
    randomness: { bytes: (length) => new Uint8Array(length).map(() => 0) },
    bounds: { atOnce: 16, waiting: 32, patience: 5_000 },
  });
  // identifiers must differ, pauses must not
  Object.assign(world.randomness, {
    bytes: (length: number) => (length === 1 ? new Uint8Array(1) : crypto.getRandomValues(new Uint8Array(length))),
  });
  replica = world.replica();
});

const faultOf = (error: OAuthError): unknown => error.detail.reasons?.[0]?.code;
const entriesOf = (type: string) => world.log.entries.filter((entry) => entry.type === type);
async function refused(run: Run, scope?: readonly string[]): Promise<OAuthError> {
  const answered = await replica.askOrBeTold(run, crm, scope);
  if (!(answered instanceof OAuthError)) throw new Error('it got a token');
  return answered;
}

describe('a server that is down', () => {
  it.each<[string, Behaviour]>([
    ['unreachable', isDown],
    ['server_unavailable', () => answer(500, 'broken')],
    ['server_unavailable', () => answer(503, '')],
    ['client_refused', () => answer(401, { error: 'invalid_client' })],
    ['client_refused', () => answer(400, { error: 'invalid_grant' })],
  ])(
    'is asked five times by a hundred runs, and each is told when to come again and has an entry: %s (A66, A68)',
    async (fault, behaviour) => {
      server.behaviour = behaviour;
      const runs = Array.from({ length: 100 }, () => world.start());
      const errors = [];
      for (const run of runs) errors.push(await refused(run));
      expect(server.calls).toHaveLength(5);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['temporarily_unavailable']));
      expect(new Set(errors.map(faultOf))).toEqual(new Set([fault]));
      expect(new Set(errors.map(({ detail }) => detail.retryAfter))).toEqual(new Set([1]));
      expect(errors.every(({ detail }) => detail.attribution?.startsWith('ent') === true)).toBe(true);
      const unsent = entriesOf('token.failed').filter(({ members }) => members['not_sent'] !== undefined);
      expect(unsent).toHaveLength(95);
      expect(unsent[0]?.members).toMatchObject({
        not_sent: 'circuit',
        fault,
        suppressed: 0,
        client_id: 'corridor-indexer',
        run: runs[5]?.id,
      });
      expect(unsent[0]?.members).not.toHaveProperty('issuance');
      expect(world.troubles.filter((trouble) => trouble.includes('left alone for 1 s'))).toHaveLength(1);
    },
  );

  it('is not made up for by a run that keeps asking: its entries are one in ten seconds, and say how many they stand for', async () => {
    server.behaviour = isDown;
    const run = world.start();
    for (let second = 0; second < 25; second++) {
      for (let time = 0; time < 10; time++) await refused(run);
      await world.clock.pass(1_000);
    }
    const unsent = entriesOf('token.failed').filter(({ members }) => members['not_sent'] !== undefined);
    expect(unsent).toHaveLength(2);
    const begun = server.calls[0]?.at ?? 0;
    expect(server.calls.map(({ at }) => (at - begun) / 1000)).toEqual([0, 1, 3, 7, 15, 23]);
    const counted = unsent.reduce((sum, { members }) => sum + 1 + Number(members['suppressed']), 0);
    expect(counted).toBeGreaterThan(150);
  });

  it.each([
    [429, '', 'throttled'],
    [503, '', 'server_unavailable'],
    [500, '<html>', 'server_unavailable'],
    [502, '', 'server_unavailable'],
    [504, '{}', 'server_unavailable'],
  ] as const)('is left alone for as long as it says with %i %j, by all runs of the client (A65, Q30)', async (status, body, fault) => {
    server.behaviour = () => answer(status, body, { 'retry-after': '120' });
    const first = await refused(world.start());
    server.behaviour = (_, __, form) => server.issue(form);
    const other = await refused(world.start());
    expect([first, other].map((error) => [faultOf(error), error.detail.retryAfter])).toEqual([
      [fault, 120],
      [fault, 120],
    ]);
    await world.clock.pass(119_000);
    expect((await refused(world.start())).detail.retryAfter).toBe(1);
    await world.clock.pass(1_000);
    await replica.ask(world.start(), crm);
    expect(server.calls).toHaveLength(2);
  });

  it.each([
    [400, 'invalid_scope'],
    [403, 'access_denied'],
  ])('is not found down because one request is refused, with %i %s (A64)', async (status, error) => {
    server.behaviour = (_, __, form) => (form.get('scope') === 'things:list' ? answer(status, { error }) : server.issue(form));
    for (let time = 0; time < 20; time++) expect((await refused(world.start(), ['things:list'])).code).toBe('server_error');
    await replica.ask(world.start(), crm);
  });

  it('takes nothing from those who have a token', async () => {
    const run = world.start();
    await replica.ask(run, crm);
    server.behaviour = isDown;
    for (let time = 0; time < 10; time++) await refused(world.start());
    await replica.ask(run, crm);
  });

  it('is asked by so many at once and no more, and who waited for more than five seconds waits no longer', async () => {
    server.behaviour = hangs;
    const asking = Array.from({ length: 60 }, () => refused(world.start()));
    await world.clock.pass(1);
    expect(server.underWay).toBe(16);
    await world.clock.pass(10_000);
    const errors = await Promise.all(asking);
    const faults = errors.map(faultOf);
    expect(faults.filter((fault) => fault === 'timeout')).toHaveLength(16);
    expect(faults.filter((fault) => fault === 'overloaded')).toHaveLength(60 - 16);
    expect(server.mostUnderWay).toBe(16);
    await world.clock.pass(60_000);
    expect(world.log.open).toBe(0);
  });
});

describe('a stampede', () => {
  it('of 1,000 runs over 50 keys that runs share makes 50 upstream calls, and 1,000 releases with an entry each (A66)', async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `r${index}`);
    world = new MemoryWorld({
      http: (clock) => (server = new TruthfulServer(clock)),
      resources: Object.fromEntries(ids.map((id) => [id, {}])),
      policy: () => ({ allow: true, obligations: { isolation: 'workflow' } }),
    });
    replica = world.replica();
    const asking = Array.from({ length: 1_000 }, (_, index) => replica.ask(world.start(), `https://r${index % 50}.example/api`));
    await world.clock.pass(5_000);
    const tokens = (await Promise.all(asking)).map(({ accessToken }) => accessToken.reveal());
    expect(server.calls).toHaveLength(50);
    expect(new Set(tokens).size).toBe(50);
    expect(tokens.every((token, index) => server.tokens.get(token)?.resource === `https://r${index % 50}.example/api`)).toBe(true);
    expect(entriesOf('token.released')).toHaveLength(1_000);
    expect(entriesOf('token.requested')).toHaveLength(50);
  });

  it('of 1,000 runs with a token of its own for each is let through in turns', async () => {
    world = new MemoryWorld({ http: (clock) => (server = new TruthfulServer(clock)) });
    replica = world.replica();
    const asking = Array.from({ length: 1_000 }, () => replica.ask(world.start(), crm));
    await world.clock.pass(5_000);
    await Promise.all(asking);
    expect([server.calls.length, server.mostUnderWay]).toEqual([1_000, 64]);
  });
});
