import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Agents } from './agents.js';
import { startCrashWorld, type CrashWorld } from './crash-world.js';
import { lookIntoTables } from './tables.js';
import { Tally } from './tally.js';
import { Witness } from './witness.js';

const dying = path.join(import.meta.dirname, 'dying-corridor.mjs');
const PATIENCE = 300_000;

const steps = namesOfSteps();
const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 5);
const plan = Array.from({ length: rounds }, (_, index) => ({
  round: index + 1,
  step: steps[Math.floor((index * steps.length) / rounds)] ?? '',
}));
const tally = new Tally(rounds);
afterAll(() => tally.print());

describe.each(steps.filter((step) => plan.some((planned) => planned.step === step)))('killed %s', (step) => {
  const mine = plan.filter((planned) => planned.step === step).map(({ round }) => round);
  let world: CrashWorld;
  let witness: Witness;
  beforeAll(async () => {
    world = await startCrashWorld();
    witness = new Witness(world);
  }, PATIENCE);
  afterAll(() => world.stop(), PATIENCE);

  it.each(mine)(
    'round %i: everything that the server issued is in the record, and agents have nothing that is not',
    async (round) => {
      const occurrence = 1 + ((round * 7) % 11);
      const died = await liveAndDie(occurrence, (round * 1.7) % 6);
      const corridor = await world.start();
      try {
        const testimony = await witness.examine(corridor, died);
        tally.add({ round, step, occurrence, starved: died.starved, ...testimony });
        expect({ unexpected: died.unexpected, findings: testimony.findings }).toEqual({ unexpected: [], findings: [] });
      } finally {
        await corridor.stop();
      }
      if (round === mine.at(-1)) expect(await lookIntoTables(world.dataDir)).toEqual({ open: 0, notClosedOnce: 0, textsOfRevoked: 0 });
    },
    PATIENCE,
  );

  /** One life of Corridor: agents come and go until it dies at its step. */
  async function liveAndDie(occurrence: number, milliseconds: number): Promise<Agents> {
    const corridor = await world.start([dying, step, String(occurrence), String(milliseconds)]);
    const agents = new Agents(corridor, world.runtimeKey);
    try {
      await agents.untilItDies();
    } finally {
      await corridor.stop();
    }
    expect(corridor.output()).toContain(`killed ${step}\n`);
    return agents;
  }
});

/** The steps belong to the process that dies of them. */
function namesOfSteps(): string[] {
  const file = JSON.stringify(path.join(import.meta.dirname, 'steps.mjs'));
  const print = `import(${file}).then(({ steps }) => console.log(JSON.stringify(Object.keys(steps))))`;
  return z.array(z.string()).parse(JSON.parse(execFileSync(process.execPath, ['-e', print]).toString()));
}
