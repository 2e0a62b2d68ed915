import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { faults } from './faults.js';
import { Linearizability, type Round } from './linearizability.js';
import { RestartablePostgres } from './restartable-postgres.js';
import { ScaledWorld } from './scaled-world.js';
import { say } from './say.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 2);
const OPERATIONS = 2_600;
const PATIENCE = 600_000;

describe('three replicas on PostgreSQL', () => {
  let postgres: RestartablePostgres;
  let world: ScaledWorld;
  let runtimeKey: string;
  beforeAll(async () => {
    postgres = await RestartablePostgres.start();
    world = await ScaledWorld.start(postgres, 'scaled');
    const { body } = await world.replica(0).api('POST', '/v1/keys', { name: 'ci', roles: ['runtime'], runtime: 'ci' });
    runtimeKey = z.object({ key: z.string() }).parse(body).key;
  }, PATIENCE);
  afterAll(async () => {
    await world.stop();
    await postgres.stop();
  }, PATIENCE);

  it('that start at the same moment on an empty database make one key, one catalogue and one policy', async () => {
    const made = await postgres.ask(
      `select type, count(*)::int from entry where type in ('key.created', 'catalogue.changed', 'policy.activated') group by 1 order by 1`,
      world.database,
    );
    expect(made).toEqual([
      { type: 'catalogue.changed', count: 1 },
      { type: 'key.created', count: 2 }, // the admin's, and the one that it made
      { type: 'policy.activated', count: 1 },
    ]);
    expect(await postgres.ask(`select count(*)::int from api_key where 'admin' = any (roles)`, world.database)).toEqual([{ count: 1 }]);
    for (const replica of world.replicas) expect((await replica.api('GET', '/v1/keys')).status).toBe(200);
  });

  it(
    'let nothing out that began after a stop was acknowledged, whatever befalls them',
    async () => {
      const run = new Linearizability(world, runtimeKey);
      await run.begin();
      const all: Round[] = [];
      for (let round = 0; round < rounds; round++) {
        const fault = faults[round % faults.length];
        if (fault === undefined) throw new TypeError('there are no faults');
        const done = await run.round(OPERATIONS, fault);
        all.push(done);
        const { calls, got, refused, lost, closures, seconds, befell, findings } = done;
        say(
          `round ${round + 1}/${rounds}: ${calls} operations in ${seconds.toFixed(1)} s (${got} got, ${refused} refused, ${lost} told to try again), ` +
            `${closures} closures, ${befell}: ${findings.length === 0 ? 'ok' : `${findings.length} findings, ${findings[0]}`}`,
        );
        expect(findings.slice(0, 10)).toEqual([]);
      }
      await run.close();
      const sum = (of: (round: Round) => number): number => all.reduce((total, round) => total + of(round), 0);
      say(
        `linearizability: ${sum(({ calls }) => calls)} operations, ${sum(({ closures }) => closures)} closures, ` +
          `${sum(({ entries }) => entries)} entries, ${run.exposuresCompared} issuances looked for in exposures, 0 violations`,
      );
      expect(sum(({ got }) => got)).toBeGreaterThan(rounds * 100);
      expect(sum(({ refused }) => refused)).toBeGreaterThan(rounds * 100);
    },
    rounds * 120_000,
  );
});
