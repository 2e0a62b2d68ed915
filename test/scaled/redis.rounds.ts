import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '../rig/redis.js';
import { runtimeKeyAt } from '../rig/replicas.js';
import { CuttableWire } from './cuttable-wire.js';
import { faults, type Fault } from './faults.js';
import { Linearizability, type Round } from './linearizability.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { say } from './say.js';
import { ScaledWorld } from './scaled-world.js';
import { Testimony } from './testimony.js';

/** A quarter of those without Redis, and one for each that can befall it at least. */
const rounds = Math.max(6, Math.ceil(Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2) / 4));
const OPERATIONS = 1_500;
const PATIENCE = 600_000;

const found = await startRedis();
afterAll(async () => found?.stop());

// startRedis says aloud why there is none
(found === null ? describe.skip : describe)('three replicas on PostgreSQL and Redis', () => {
  const redis = found as TestRedis;
  let postgres: RestartablePostgres;
  let wire: CuttableWire;
  let world: ScaledWorld;
  let runtimeKey: string;
  beforeAll(async () => {
    postgres = await RestartablePostgres.start();
    wire = await CuttableWire.to(redis.url);
    world = await ScaledWorld.start(postgres, 'redis', { redisUrl: wire.url });
    runtimeKey = await runtimeKeyAt(world.replica(0));
  }, PATIENCE);
  afterAll(async () => {
    await world.stop();
    await wire.close();
    await postgres.stop();
  }, PATIENCE);

  /** What befalls Redis for a second; it may befall the replicas at the same time. */
  const hurts: readonly (readonly [string, hurt: () => Promise<void> | void, heal: () => Promise<void> | void])[] = [
    ['Redis killed', () => redis.kill(), () => redis.restart()],
    ['Redis frozen', () => redis.freeze(), () => redis.thaw()],
    ['Redis flushed', () => redis.flush(), () => undefined],
    ['Redis full', () => redis.fill(), () => redis.makeRoom()],
    ['Redis cut off', () => wire.cut(), () => wire.cut()],
    ['Redis swallowed', () => wire.swallow(), () => wire.carry()],
  ];
  const faultOf = (round: number): Fault => {
    const [what, hurt, heal] = hurts[round % hurts.length] ?? ['nothing', () => undefined, () => undefined];
    const other = faults[Math.floor(round / hurts.length) % faults.length];
    return async (...given) => {
      await hurt();
      // the first time by itself, so that what fails fails for loss of Redis
      const befell = round < hurts.length ? await wait(1_000) : await other?.(...given);
      await heal();
      return befell === undefined ? what : `${what} and ${befell}`;
    };
  };

  it(
    'let nothing out that began after a stop was acknowledged, and fail no request, whatever befalls Redis',
    async () => {
      const run = new Linearizability(world, runtimeKey);
      const all: Round[] = [];
      try {
        await run.begin();
        for (let round = 0; round < rounds; round++) {
          const last = await run.round(OPERATIONS, faultOf(round));
          all.push(last);
          const { calls, got, refused, lost, closures, befell, findings } = last;
          say(
            `redis ${round + 1}/${rounds}: ${calls} operations (${got} got, ${refused} refused, ${lost} lost), ${closures} closures, ${befell}`,
          );
          expect(findings.slice(0, 10)).toEqual([]);
        }
      } finally {
        await run.close();
      }
      for (const [reason, count] of run.chronicle.reasons) say(`told to try again ${count} times: ${reason}`);
      expect(all.reduce((total, { got }) => total + got, 0)).toBeGreaterThan(rounds * 100);
      const { findings, issued } = await new Testimony(world).of(run.received);
      say(`redis: ${run.received.length} tokens received and ${issued} issued, by the authorization server's own list`);
      expect(findings).toEqual([]);
    },
    PATIENCE + rounds * 120_000,
  );

  it(
    'leave no work undone',
    async () => {
      const undone = async (): Promise<unknown> =>
        postgres.ask(
          `select kind, count(*)::int from work where done_at is null and due_at <= now() group by 1 order by 1`,
          world.database,
        );
      for (let look = 0; look < 150 && JSON.stringify(await undone()) !== '[]'; look++) await wait(200);
      expect(await undone()).toEqual([]);
    },
    PATIENCE,
  );
});
