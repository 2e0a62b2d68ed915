import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../rig/command-line.js';
import type { RunningCorridor } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { askAt, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';

const postgres = await startPostgres();
const found = await startRedis();
afterAll(async () => {
  await postgres?.stop();
  await found?.stop();
});

/** Runs of some agents share their tokens. */
const rego = `package corridor.token

default decision := {"allow": true}

decision := {"allow": true, "obligations": {"isolation": "workflow"}} if startswith(input.run.agent.name, "sharing")
`;

/** How long a request may take that needs a new token, on a machine that has other things to do. */
const BOUND = 3_000;

// both say aloud why there is none
(postgres === null || found === null ? describe.skip : describe)('two replicas over one PostgreSQL and one Redis', () => {
  const redis = found as TestRedis;
  let replicas: Replicas;
  let one: RunningCorridor;
  let two: RunningCorridor;
  let key: string;
  beforeAll(async () => {
    const databaseUrl = (await postgres?.freshDatabase()) ?? '';
    replicas = await Replicas.over(databaseUrl, { redisUrl: redis.url, rego, format: 'opaque' });
    one = await replicas.start();
    two = await replicas.start();
    key = await runtimeKeyAt(one);
  }, 120_000);
  afterAll(() => replicas.stop());

  const asked = async (): Promise<number> => (await replicas.authorizationServer.requests())['POST /token'] ?? 0;
  const hits = async (): Promise<number> => Number(/keyspace_hits:(\d+)/.exec(await redis.connect().info('stats'))?.[1]);

  it('share what was obtained: the second releases the token of the first, from Redis, with an entry of its own', async () => {
    const run = await startRunAt(one, key);
    const before = [await asked(), await hits()];
    const [first, second] = [await askAt(one, run), await askAt(two, run)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body['access_token']).toBe(first.body['access_token']);
    expect(second.body['attribution']).not.toBe(first.body['attribution']);
    expect([await asked(), (await hits()) > (before[1] ?? 0)]).toEqual([(before[0] ?? 0) + 1, true]);
  });

  it('never release a token from Redis that was withdrawn', async () => {
    const run = await startRunAt(one, key);
    const first = await askAt(one, run);
    const raised = await one.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'a drill' });
    expect(raised.status).toBe(201);
    expect(await askAt(two, run)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
    const { id } = raised.body as { id: string };
    expect((await one.api('DELETE', `/v1/suspensions/${id}`)).status).toBe(200);
    const before = await hits();
    const second = await askAt(two, run);
    expect(second.status).toBe(200);
    expect(second.body['access_token']).not.toBe(first.body['access_token']);
    expect(await hits()).toBeGreaterThan(before); // it lay there
    expect((await askAt(one, run)).body['access_token']).toBe(second.body['access_token']);
  });

  it('ask once for what fifty runs want at the same time', async () => {
    const runs = await Promise.all(
      Array.from({ length: 50 }, (_, index) => startRunAt(index % 2 === 0 ? one : two, key, undefined, 'sharing')),
    );
    const before = await asked();
    await replicas.authorizationServer.delay({ before: 300 });
    const answers = await Promise.all(runs.map((run, index) => askAt(index % 2 === 0 ? one : two, run)));
    await replicas.authorizationServer.delay({ before: 0 });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body['access_token'])).size).toBe(1);
    expect((await asked()) - before).toBe(1);
  }, 60_000);

  /** Runs begin, ask at both replicas and end, until told to stop. Gives every answer that was no token, and the longest wait. */
  async function load(going: () => boolean): Promise<{ asked: number; failed: unknown[]; longest: number }> {
    const told = { asked: 0, failed: [] as unknown[], longest: 0 };
    const agent = async (): Promise<void> => {
      while (going()) {
        const run = await startRunAt(one, key);
        for (const replica of [one, two, two, one]) {
          const began = performance.now();
          const answer = await askAt(replica, run);
          told.longest = Math.max(told.longest, performance.now() - began);
          told.asked++;
          if (answer.status !== 200) told.failed.push(answer);
        }
        await one.api('POST', `/v1/runs/${run.id}/end`, undefined, key);
      }
    };
    await Promise.all([agent(), agent(), agent(), agent()]);
    return told;
  }

  const faults: readonly (readonly [string, () => Promise<void> | void, () => Promise<void> | void, boolean])[] = [
    ['killed', () => redis.kill(), () => redis.restart(), true],
    ['frozen', () => redis.freeze(), () => redis.thaw(), true],
    ['full', () => redis.fill(), () => redis.makeRoom(), true],
    ['flushed', () => redis.flush(), () => undefined, false],
  ];
  it.each(faults)(
    'fail no request while Redis is %s, say when it is lost and when it is back, and use it then',
    async (_fault, hurt, heal, isLost) => {
      const lines = (event: string): number => one.output().split(`"event":"${event}"`).length - 1;
      const before = [lines('redis_lost'), lines('redis_back')];
      let going = true;
      const loading = load(() => going);
      try {
        await delay(700);
        await hurt();
        if (isLost) await until(() => lines('redis_lost') > (before[0] ?? 0));
        await delay(1_500);
      } finally {
        await heal();
      }
      if (isLost) await until(() => lines('redis_back') > (before[1] ?? 0));
      await delay(500);
      going = false;
      const { asked: requests, failed, longest } = await loading;
      expect(failed).toEqual([]);
      expect(requests).toBeGreaterThan(20);
      expect(longest).toBeLessThan(BOUND);
      expect([lines('redis_lost') - (before[0] ?? 0), lines('redis_back') - (before[1] ?? 0)]).toEqual(isLost ? [1, 1] : [0, 0]);
      const run = await startRunAt(one, key);
      const [first, second] = [await askAt(one, run), await askAt(two, run)];
      expect(second.body['access_token']).toBe(first.body['access_token']);
    },
    60_000,
  );
});

(postgres === null ? describe.skip : describe).each([
  ['without Redis', null],
  ...(found === null ? [] : [['with Redis', found.url] as const]),
])('who answers and who works apart, %s', (_name, redisUrl) => {
  let replicas: Replicas;
  let api: RunningCorridor;
  let key: string;
  beforeAll(async () => {
    await found?.restart();
    const databaseUrl = (await postgres?.freshDatabase()) ?? '';
    replicas = await Replicas.over(databaseUrl, { rego, format: 'opaque', ...(redisUrl === null ? {} : { redisUrl }) });
    api = await replicas.start({ role: 'api' });
    key = await runtimeKeyAt(api);
  }, 120_000);
  afterAll(() => replicas.stop());

  it('leave to a worker what is to be revoked, and answer themselves what agents ask', async () => {
    const revoked = async (): Promise<number> =>
      (await replicas.authorizationServer.issued()).filter((one) => one.revoked_at !== null).length;
    const endOne = async (): Promise<void> => {
      const run = await startRunAt(api, key);
      expect((await askAt(api, run)).status).toBe(200);
      await api.api('POST', `/v1/runs/${run.id}/end`, undefined, key);
    };
    await endOne();
    await delay(1_500);
    expect(await revoked()).toBe(0);

    const worker = await replicas.start({ role: 'worker' });
    await until(async () => (await revoked()) === 1);
    for (let runs = 0; runs < 5; runs++) await endOne();
    await until(async () => (await revoked()) === 6);

    // it is nobody's server
    const route = (path: string): Promise<number> => fetch(`${worker.url}${path}`).then(({ status }) => status);
    const routes = ['/.well-known/oauth-authorization-server/oauth2', '/v1/entries', '/oauth2/token'];
    expect(await Promise.all(routes.map(route))).toEqual([404, 404, 404]);
    expect((await askAt(api, await startRunAt(api, key))).status).toBe(200);
    expect(worker.output()).toContain('"role":"worker"');
  }, 60_000);
});
