import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { awake } from '../rig/awake.js';
import { until } from '../rig/command-line.js';
import { freePort, type RunningCorridor } from '../rig/corridor.js';
import { valueOf } from '../rig/metrics-text.js';
import { startPostgres } from '../rig/postgres.js';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { askAt, Replicas, runtimeKeyAt, startRunAt } from '../rig/replicas.js';
import { CuttableWire } from '../scaled/cuttable-wire.js';

const postgres = await startPostgres();
const found = await startRedis();
afterAll(async () => {
  await postgres?.stop();
  await found?.stop();
});

/** Runs of some agents share their tokens. */
const rego = `package corridor.token

default decision := {"allow": true}

decision := {"allow": true, "obligations": {"isolation": "workflow"}} if input.run.agent.name == "sharing"
`;

/** Milliseconds awake: how long a request may take that needs a new token. */
const BOUND = 3_000;

/** Milliseconds: a replica that has lost Redis again and again looks for it every half a minute. */
const UNTIL_BACK = 75_000;

// both say aloud why there is none
(postgres === null || found === null ? describe.skip : describe)('two replicas over one PostgreSQL and one Redis', () => {
  const redis = found as TestRedis;
  let wire: CuttableWire;
  let replicas: Replicas;
  let one: RunningCorridor;
  let two: RunningCorridor;
  let key: string;
  let metricsPort: number;
  beforeAll(async () => {
    const databaseUrl = (await postgres?.freshDatabase()) ?? '';
    wire = await CuttableWire.to(redis.url);
    replicas = await Replicas.over(databaseUrl, { redisUrl: wire.url, rego, format: 'opaque' });
    metricsPort = await freePort();
    one = await replicas.start({ metricsPort });
    two = await replicas.start();
    key = await runtimeKeyAt(one);
  }, 120_000);
  afterAll(async () => {
    await replicas.stop();
    await wire.close();
  });

  const figure = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return valueOf(text, name);
  };

  const revokeAt = async (corridor: RunningCorridor, run: { id: string; secret: string }, token: string): Promise<void> => {
    const authorization = `Basic ${Buffer.from(`${run.id}:${run.secret}`).toString('base64')}`;
    const { status } = await fetch(`${corridor.issuer}/revoke`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ token }),
    });
    expect(status).toBe(200);
  };
  const asked = async (): Promise<number> => (await replicas.authorizationServer.requests())['POST /token'] ?? 0;
  const tokensInRedis = async (): Promise<number> => (await redis.connect().keys('corridor:*:token:*')).length;
  /** From now on the database does not find the tokens of this run for a request any more: it is told nothing by Redis if by nobody. */
  const hideInDatabase = async (run: string): Promise<void> => {
    const client = new pg.Client({ connectionString: replicas.databaseUrl });
    await client.connect();
    await client.query(`update issuance set cache_key = 'hidden ' || id where run = $1`, [run]);
    await client.end();
  };
  /**
   * On a machine that has other things to do Redis may now and then not answer in time, which costs a question and nothing else; a replica
   * that lost it so is without it for a while.
   */
  const inSomeRound = async (round: () => Promise<boolean>): Promise<void> => {
    for (const end = performance.now() + UNTIL_BACK; !(await round()); await delay(2_500)) {
      if (performance.now() > end) throw new Error('it was so in no round');
    }
  };

  /** Whether the second releases the token of the first with nothing but Redis to know it from. */
  const isShared = async (): Promise<boolean> => {
    const run = await startRunAt(one, key);
    const before = await asked();
    const first = await askAt(one, run);
    await hideInDatabase(run.id);
    const second = await askAt(two, run);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body['attribution']).not.toBe(first.body['attribution']);
    return (await asked()) === before + 1 && second.body['access_token'] === first.body['access_token'];
  };

  it('share what was obtained: the second releases the token of the first out of Redis, with an entry of its own', async () => {
    await inSomeRound(isShared);
  }, 150_000);

  it('never release a token out of Redis that was withdrawn', async () => {
    await inSomeRound(async () => {
      const run = await startRunAt(one, key);
      const before = await tokensInRedis();
      const first = await askAt(one, run);
      const raised = await one.api('POST', '/v1/suspensions', { kind: 'run', id: run.id, reason: 'a drill' });
      expect(raised.status).toBe(201);
      expect(await askAt(two, run)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
      const { id } = raised.body as { id: string };
      expect((await one.api('DELETE', `/v1/suspensions/${id}`)).status).toBe(200);
      const liesThere = (await tokensInRedis()) === before + 1;
      const second = await askAt(two, run);
      expect(second.status).toBe(200);
      expect(second.body['access_token']).not.toBe(first.body['access_token']);
      const third = await askAt(one, run);
      expect([third.status, third.body['access_token'] === first.body['access_token']]).toEqual([200, false]);
      return liesThere;
    });
  }, 150_000);

  it('ask once for what fifty runs want at the same time', async () => {
    await inSomeRound(async () => {
      const runs = await Promise.all(
        Array.from({ length: 50 }, (_, index) => startRunAt(index % 2 === 0 ? one : two, key, undefined, 'sharing')),
      );
      const before = await asked();
      await replicas.authorizationServer.delay({ before: 300 });
      const answers = await Promise.all(runs.map((run, index) => askAt(index % 2 === 0 ? one : two, run)));
      await replicas.authorizationServer.delay({ before: 0 });
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const tokens = new Set(answers.map(({ body }) => String(body['access_token'])));
      const times = (await asked()) - before;
      // another round needs another token
      for (const token of tokens) {
        const holder = runs[answers.findIndex(({ body }) => body['access_token'] === token)];
        if (holder !== undefined) await revokeAt(one, holder, token);
      }
      return tokens.size === 1 && times === 1;
    });
  }, 150_000);

  /** Runs begin, ask at both replicas and end, until told to stop. Gives every answer that was no token, and the longest wait. */
  async function load(going: () => boolean): Promise<{ asked: number; failed: unknown[]; longest: number }> {
    const told = { asked: 0, failed: [] as unknown[], longest: 0 };
    const agent = async (): Promise<void> => {
      while (going()) {
        const run = await startRunAt(one, key);
        for (const replica of [one, two, two, one]) {
          const began = awake();
          const answer = await askAt(replica, run);
          told.longest = Math.max(told.longest, awake() - began);
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
    ['swallowed by the network', () => wire.swallow(), () => wire.carry(), true],
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
        if (isLost) {
          await until(async () => lines('redis_lost') > (before[0] ?? 0) && (await figure('corridor_redis_lost')) === 1);
          expect(await figure('corridor_redis_failures_total')).toBeGreaterThan(0);
        }
        await delay(1_500);
      } finally {
        await heal();
      }
      if (isLost) await until(() => lines('redis_back') > (before[1] ?? 0), UNTIL_BACK);
      await delay(500);
      going = false;
      const { asked: requests, failed, longest } = await loading;
      expect(failed).toEqual([]);
      expect(requests).toBeGreaterThan(20);
      expect(longest).toBeLessThan(BOUND);
      // one line each time, not one for each request
      const told = [...one.output().matchAll(/"event":"(redis_(?:lost|back))"/g)].map(([, event]) => event);
      expect(told).toEqual(told.map((_, index) => (index % 2 === 0 ? 'redis_lost' : 'redis_back')));
      expect(lines('redis_lost') - (before[0] ?? 0)).toBeLessThan(Math.max(5, requests / 10));
      await until(isShared, UNTIL_BACK); // by both, each of which comes back in its own time
    },
    200_000,
  );

  it('start, answer and end while the network swallows everything to and from Redis', async () => {
    wire.swallow();
    try {
      const late = await replicas.start();
      expect(late.output()).toContain('"event":"redis_lost"');
      const began = awake();
      expect((await askAt(late, await startRunAt(late, key))).status).toBe(200);
      expect(awake() - began).toBeLessThan(BOUND);
      const ending = awake();
      await late.stop();
      expect(awake() - ending).toBeLessThan(BOUND);
      expect(late.output()).toContain('"event":"stopped"');
    } finally {
      wire.carry();
    }
    await until(isShared, UNTIL_BACK);
  }, 150_000);

  it('release nothing out of Redis while the database cannot record it', async () => {
    await inSomeRound(async () => {
      const run = await startRunAt(one, key);
      const before = await tokensInRedis();
      expect((await askAt(one, run)).status).toBe(200);
      const liesThere = (await tokensInRedis()) === before + 1;
      const client = new pg.Client({ connectionString: replicas.databaseUrl });
      await client.connect();
      // reads go on, and nothing can be recorded
      await client.query(`create or replace function full_disk() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`);
      await client.query('create trigger full_disk before insert on entry execute function full_disk()');
      try {
        for (const replica of [one, two, one]) {
          const { status, body } = await askAt(replica, run);
          expect([status, body['error'], body['access_token']]).toEqual([503, 'temporarily_unavailable', undefined]);
        }
      } finally {
        await client.query('drop trigger full_disk on entry');
        await client.end();
      }
      expect([(await askAt(two, run)).status, (await askAt(one, run)).status]).toEqual([200, 200]);
      expect(two.output()).toContain('No space left on device'); // the operator reads why
      return liesThere;
    });
  }, 150_000);
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
