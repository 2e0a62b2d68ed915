import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { runtimeKeyAt } from '../rig/replicas.js';
import { randomOf, shuffled } from '../rig/seeded-random.js';
import { pick } from './families.js';
import { faults, type Fault } from './faults.js';
import { Linearizability, type Round } from './linearizability.js';
import { notForRedis, recurring, redisFaults, type RedisFault } from './redis-faults.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { say } from './say.js';
import { ScaledWorld } from './scaled-world.js';
import { Testimony } from './testimony.js';
import { undone } from './undone.js';

/** Rounds in which something befalls the replicas as well. */
const mixed = Math.ceil(Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2) / 10);
const seed = Number(process.env['CORRIDOR_TEST_SEED'] ?? randomInt(1_000_000));
const OPERATIONS = 1_500;
const PATIENCE = 600_000;
/** What else may fail while replicas and the database come and go. */
const ofReplicas = /no answer|the record cannot be written|the database cannot be reached|the run cannot be started/;

const found = await startRedis();
afterAll(async () => found?.stop());

// startRedis says aloud why there is none
(found === null ? describe.skip : describe)('three replicas on PostgreSQL and Redis', () => {
  const redis = found as TestRedis;
  let postgres: RestartablePostgres;
  let world: ScaledWorld;
  let runtimeKey: string;
  beforeAll(async () => {
    postgres = await RestartablePostgres.start();
    world = await ScaledWorld.start(postgres, 'redis', { redisUrl: redis.url });
    runtimeKey = await runtimeKeyAt(world.replica(0));
  }, PATIENCE);
  afterAll(async () => {
    await world.stop();
    await postgres.stop();
  }, PATIENCE);

  const during = ({ what, hurt, heal }: RedisFault, other: Fault | null): Fault => {
    return async (...given) => {
      await hurt();
      const befell = other === null ? await wait(1_000) : await other(...given);
      await heal();
      return befell === undefined ? what : `${what} and ${befell}`;
    };
  };

  it(
    'let nothing out that began after a stop was acknowledged, and fail no request for loss of Redis, whatever befalls it',
    async () => {
      const random = randomOf(seed);
      const hurts = shuffled(redisFaults(redis, world.redisWires, random), random);
      // each by itself first, so that what fails fails for loss of Redis
      const alone = hurts.map((hurt) => ({ fault: during(hurt, null), explained: notForRedis }));
      const together = shuffled(hurts, random)
        .slice(0, mixed)
        .map((hurt) => ({
          fault: during(hurt, pick(faults, random)),
          explained: new RegExp(`${notForRedis.source}|${ofReplicas.source}`),
        }));
      const planned = [...alone, ...together];
      const run = new Linearizability(world, runtimeKey);
      const all: Round[] = [];
      try {
        await run.begin();
        for (const [index, { fault, explained }] of planned.entries()) {
          const round = async (): Promise<Round> => {
            const last = await run.round(OPERATIONS, fault);
            all.push(last);
            const { calls, got, refused, lost, closures, befell, reasons, findings } = last;
            say(
              `redis ${index + 1}/${planned.length} of seed ${seed}: ${calls} operations ` +
                `(${got} got, ${refused} refused, ${lost} lost), ${closures} closures, ${befell}`,
            );
            for (const [reason, count] of reasons) say(`  ${count} times ${reason}`);
            expect(findings.slice(0, 10)).toEqual([]);
            return last;
          };
          expect(await recurring(explained, round)).toEqual([]);
        }
      } finally {
        await run.close();
      }
      expect(all.reduce((total, { got }) => total + got, 0)).toBeGreaterThan(planned.length * 100);
      const { findings, issued } = await new Testimony(world).of(run.received);
      say(`redis: ${run.received.length} tokens received and ${issued} issued, by the authorization server's own list`);
      expect(findings).toEqual([]);
    },
    PATIENCE + (7 + mixed) * 120_000,
  );

  it('leave no work undone', async () => expect(await undone(world)).toEqual([]), PATIENCE);
});
