import { runtimeKeyAt } from '../rig/replicas.js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RestartablePostgres } from './restartable-postgres.js';
import { ScaledWorld } from './scaled-world.js';
import { say } from './say.js';
import { percentile, stopLatency } from './stop-latency.js';
import { Surface } from './surface.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const PATIENCE = 600_000;
/** Milliseconds for the slowest of a hundred stops: of a full run on a quiet machine, and of a few rounds wherever they run. */
const SLOWEST_STOP = rounds >= 40 ? 50 : 2_000;

describe('a stop at three replicas that agents ask for tokens', () => {
  let postgres: RestartablePostgres;
  let world: ScaledWorld;
  let surface: Surface;
  beforeAll(async () => {
    postgres = await RestartablePostgres.start();
    world = await ScaledWorld.start(postgres, 'stops', { wired: false });
    surface = new Surface(world);
  }, PATIENCE);
  afterAll(async () => {
    await surface.close();
    await world.stop();
    await postgres.stop();
  }, PATIENCE);

  it(
    'is acknowledged quickly',
    async () => {
      const key = await runtimeKeyAt(world.replica(0));
      const { times, load } = await stopLatency(world, surface, key, Math.min(500, 25 * rounds));
      const [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1].map((share) => percentile(times, share));
      say(`stop: ${times.length} stops while ${load.toFixed(0)} requests/s were answered`);
      say(`stop: acknowledged after ms: p50 ${p50?.toFixed(1)}, p90 ${p90?.toFixed(1)}, p99 ${p99?.toFixed(1)}, max ${max?.toFixed(1)}`);
      expect(p99).toBeLessThan(SLOWEST_STOP);
    },
    PATIENCE,
  );
});
