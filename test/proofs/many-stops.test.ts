import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { RunningCorridor } from '../rig/corridor.js';
import { startPostgres } from '../rig/postgres.js';
import { Replicas } from '../rig/replicas.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());

const STOPS = 30;
const listed = z.object({ suspensions: z.array(z.object({ id: z.string(), target: z.string() })) });

// startPostgres says aloud why there is none
(postgres === null ? describe.skip : describe)('three replicas over one PostgreSQL', () => {
  let replicas: Replicas;
  let running: readonly [RunningCorridor, RunningCorridor, RunningCorridor];
  const replica = (index: number): RunningCorridor => running[(index % 3) as 0 | 1 | 2];
  beforeAll(async () => {
    replicas = await Replicas.over((await postgres?.freshDatabase()) ?? '');
    running = [await replicas.start(), await replicas.start(), await replicas.start()];
  }, 120_000);
  afterAll(() => replicas.stop());

  it('make every stop of many that come at once, and none of them is turned away because of the others', async () => {
    const targets = Array.from({ length: STOPS }, (_, index) => `agent-${index}`);
    const answers = await Promise.all(
      targets.map((id, index) => replica(index).api('POST', '/v1/suspensions', { kind: 'agent', id, reason: 'an alarm went off' })),
    );
    expect(answers.map((answer) => answer.status)).toEqual(targets.map(() => 201));
    for (const each of running) {
      const { suspensions } = listed.parse((await each.api('GET', '/v1/suspensions')).body);
      expect(suspensions.map(({ target }) => target).sort()).toEqual([...targets].sort());
    }
    const epochs = answers.map((answer) => z.object({ epoch: z.string() }).parse(answer.body).epoch);
    expect(new Set(epochs).size).toBe(STOPS);
  }, 60_000);

  it('lift as many at once', async () => {
    const { suspensions } = listed.parse((await replica(0).api('GET', '/v1/suspensions')).body);
    const answers = await Promise.all(suspensions.map(({ id }, index) => replica(index).api('DELETE', `/v1/suspensions/${id}`)));
    expect(answers.map((answer) => answer.status)).toEqual(suspensions.map(() => 200));
  }, 60_000);
});
