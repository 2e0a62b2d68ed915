import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis } from '../rig/redis.js';
import { runtimeKeyAt } from '../rig/replicas.js';
import { randomOf, shuffled } from '../rig/seeded-random.js';
import { startKeyedRun } from './assertions.js';
import { Chaos, type Befallen } from './chaos.js';
import { untilClean } from './patience.js';
import { notForRedis, recurring, redisFaults } from './redis-faults.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { say } from './say.js';
import { ScaledWorld } from './scaled-world.js';
import { smallDisk } from './small-disk.js';
import { Surface } from './surface.js';
import { Testimony } from './testimony.js';
import { undone } from './undone.js';
import { withoutEpochComparison } from './without-epoch.js';
import { withoutNotices } from './without-notices.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const PATIENCE = 600_000;
const ITSELF_AGAIN_WITHIN = 10_000;
/** Less than what the agents here wait for an answer. */
const LONGEST = 30_000;
const MEGABYTES = 256;
const seed = Number(process.env['CORRIDOR_TEST_SEED'] ?? randomInt(1_000_000));
/** So much of it is spared in a run of few rounds. */
const times = Math.max(1, Math.round(rounds / 4));

const disk = await smallDisk(MEGABYTES).catch((error: unknown) => {
  process.stderr.write(`\n*** No small disk can be mounted, so what a full one does stays unshown: ${String(error)}\n\n`);
  return null;
});

const redis = await startRedis();

describe('chaos', () => {
  let postgres: RestartablePostgres;
  let world: ScaledWorld;
  let surface: Surface;
  let key: string;
  let chaos: Chaos;
  beforeAll(async () => {
    // the smallest write-ahead log that it takes, so that the disk is small
    postgres = await RestartablePostgres.start(['max_wal_size=64MB', 'min_wal_size=32MB'], disk?.path);
    world = await ScaledWorld.start(postgres, 'chaos', { redisUrl: redis?.url });
    surface = new Surface(world);
    key = await runtimeKeyAt(world.replica(0));
    chaos = new Chaos(world, surface, key);
    await chaos.begin();
  }, PATIENCE);
  afterAll(async () => {
    await surface.close();
    await world.stop();
    await postgres.stop();
    await disk?.remove();
    await redis?.stop();
  }, PATIENCE);

  function judge(what: string, befallen: Befallen, replicasDie = false): void {
    const { calls, got, refused, unavailable, brokenOff, reasons, stops, doubtful, longest, itselfAgain, findings } = befallen;
    say(
      `${what}: ${calls} requests (${got} got, ${refused} refused, ${unavailable} temporarily_unavailable, ${brokenOff} broken off), ` +
        `the longest ${(longest / 1000).toFixed(1)} s; ${stops} stops acknowledged and ${doubtful} not; ` +
        `itself again ${(itselfAgain / 1000).toFixed(1)} s after the fault's end`,
    );
    for (const [reason, count] of reasons) say(`  ${count} times ${reason}`);
    expect(findings.slice(0, 10)).toEqual([]);
    expect(itselfAgain).toBeLessThan(ITSELF_AGAIN_WITHIN);
    // whoever lives answers, and in time
    if (!replicasDie) expect(brokenOff).toBe(0);
    expect(longest).toBeLessThan(LONGEST);
    expect(got).toBeGreaterThan(0);
    expect(stops).toBeGreaterThan(0);
  }

  it(
    'of replicas that are killed each second',
    async () => {
      const kills = 3 * times;
      judge(`${kills} replicas killed`, await chaos.under(() => chaos.killReplicas(kills)), true);
    },
    PATIENCE,
  );

  it(
    'of a database that is killed and started again',
    async () => {
      const run = await startKeyedRun(surface, 0, key);
      let told: readonly string[] = [];
      judge(
        `PostgreSQL killed ${times} times`,
        await chaos.under(async () => {
          told = await chaos.killPostgres(times, run);
        }),
      );
      expect(told).toEqual(Array(times).fill('503 temporarily_unavailable'));
    },
    PATIENCE,
  );

  // startRedis says aloud why there is none
  (redis === null ? it.skip : it)(
    'of a Redis that is killed, frozen, full, flushed, cut off and partitioned, with no request and no stop that fails for it',
    async () => {
      if (redis === null) return;
      const random = randomOf(seed);
      const hurts = shuffled(redisFaults(redis, world.redisWires, random), random);
      const hurt = async (): Promise<Befallen> => {
        const befallen = await chaos.under(() => chaos.hurtRedis(hurts));
        judge(`${hurts.map(({ what }) => what).join(', ')} (seed ${seed})`, befallen);
        return befallen;
      };
      expect(await recurring(notForRedis, hurt)).toEqual([]);
    },
    PATIENCE,
  );

  (redis === null ? it.skip : it)(
    'of a database and a Redis that are gone at once, where Redis comes back first',
    async () => {
      if (redis === null) return;
      const befallen = await chaos.under(() => chaos.killPostgresAndRedis(redis));
      judge('PostgreSQL and Redis killed together', befallen);
      expect(befallen.unavailable).toBeGreaterThan(0);
    },
    PATIENCE,
  );

  // smallDisk says aloud why there is none
  (disk === null ? it.skip : it)(
    'of a disk that is full, beside a Redis that goes and comes',
    async () => {
      const befallen = await chaos.under(() => chaos.fillDisk(disk?.path ?? '', redis));
      judge(redis === null ? 'disk full' : 'disk full beside a Redis that is frozen for a while', befallen);
      expect(befallen.unavailable).toBeGreaterThan(0);
    },
    PATIENCE,
  );

  it(
    'keeps every promise, by the record and by the list of the authorization server itself',
    async () => {
      const { findings, issued } = await new Testimony(world).of(chaos.received);
      say(`chaos: ${chaos.received.length} tokens received and ${issued} issued, by the authorization server's own list`);
      expect(findings).toEqual([]);
      expect(chaos.received.length).toBeGreaterThan(50);
    },
    PATIENCE,
  );

  it('leaves no work undone', async () => expect(await undone(world)).toEqual([]), PATIENCE);

  it(
    'would be caught if append did not compare epochs: the checker bites',
    async () => {
      const mends = [await withoutNotices(postgres, world.database), await withoutEpochComparison(postgres, world.database)];
      try {
        const bitten = await untilClean(
          (found) => found > 0,
          async () => {
            const { violations, findings } = await chaos.under(async () => {
              await chaos.killReplicas(1);
              await wait(3_000);
            });
            const got = violations.filter(({ what }) => what === 'got what was closed').length;
            const recorded = findings.filter((finding) => finding.includes('was in force')).length;
            say(`chaos without the comparison of epochs: ${got} violations in the history, ${recorded} in the record`);
            return got + recorded;
          },
        );
        expect(bitten.at(-1)).toBeGreaterThan(0);
      } finally {
        for (const mend of mends) await mend();
      }
    },
    PATIENCE,
  );
});
