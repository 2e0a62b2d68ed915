import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { RunningCorridor } from '../rig/corridor.js';
import { Agents } from './agents.js';
import { startCrashWorld, type CrashWorld } from './crash-world.js';
import { examine, type Examined } from './examine.js';
import { readRecord, stopEverything } from './record.js';
import { lookIntoTables } from './tables.js';
import { Tally } from './tally.js';

const stepsFile = path.join(import.meta.dirname, 'steps.mjs');
const dying = path.join(import.meta.dirname, 'dying-corridor.mjs');
const PATIENCE = 300_000;

const printed = execFileSync(process.execPath, [
  '-e',
  `import(${JSON.stringify(stepsFile)}).then(({ steps }) => console.log(JSON.stringify(Object.keys(steps))))`,
]);
const steps = z.array(z.string()).parse(JSON.parse(printed.toString()));
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
  const known = new Set<string>();
  let listed = 0;
  beforeAll(async () => {
    world = await startCrashWorld();
  }, PATIENCE);
  afterAll(() => world.stop(), PATIENCE);

  it.each(mine)(
    'round %i: nothing that the server issued is missing from the record, and no agent has what is not there',
    async (round) => {
      const occurrence = 1 + ((round * 7) % 11);
      const milliseconds = (round * 1.7) % 6;
      const died = await live(step, occurrence, milliseconds);
      const corridor = await world.start();
      const { examined, exposed } = await examineAfter(corridor, died);
      tally.add({ round, step, occurrence, examined, received: died.received.length, exposed });
      expect({ unexpected: died.unexpected, findings: examined.findings }).toEqual({ unexpected: [], findings: [] });
      await corridor.stop();
      if (round === mine.at(-1)) expect(await lookIntoTables(world.dataDir)).toEqual({ open: 0, notClosedOnce: 0, textsOfRevoked: 0 });
    },
    PATIENCE,
  );

  /** One life: agents come and go until it dies at its step. */
  async function live(at: string, occurrence: number, milliseconds: number): Promise<Agents> {
    const corridor = await world.start([dying, at, String(occurrence), String(milliseconds)]);
    const agents = new Agents(corridor, world.runtimeKey);
    await agents.untilItDies();
    await corridor.stop();
    expect(corridor.output()).toContain(`killed ${at}\n`);
    return agents;
  }

  async function examineAfter(corridor: RunningCorridor, { received }: Agents): Promise<{ examined: Examined; exposed: number }> {
    const record = await readRecord(corridor);
    const ids = new Set(record.map(({ id }) => id));
    const lost = [...known].filter((id) => !ids.has(id));
    const all = await world.authorizationServer.issued();
    const issued = all.slice(listed);
    const examined = examine({ issued, received, entries: record.filter(({ id }) => !known.has(id)) });

    // what may be live is listed when it is asked for, and what can be revoked is
    const { exposed, lift } = await stopEverything(corridor);
    const unlisted = issued.filter(({ sha256, revoked_at }) => revoked_at === null && !exposed.has(examined.issuanceOf.get(sha256) ?? ''));
    await untilRevoked(corridor, examined);
    await lift();
    for (const { id } of await readRecord(corridor)) known.add(id);
    listed = all.length;
    const findings = [
      ...examined.findings,
      ...lost.map((id) => `${id} was in the record before and is there no more`),
      ...unlisted.map(({ sha256 }) => `a token that may be live is listed nowhere: ${sha256.slice(0, 8)}`),
    ];
    return { examined: { ...examined, findings }, exposed: exposed.size };
  }

  /** Opaque tokens that the record has are dead at their server; of JWTs it says that they cannot be revoked. */
  async function untilRevoked(corridor: RunningCorridor, { issuanceOf }: Examined): Promise<void> {
    for (;;) {
      const entries = await readRecord(corridor);
      const settled = new Set(
        entries.filter(({ type }) => type === 'token.revoked' || type === 'token.exposed').map(({ issuance }) => issuance),
      );
      const unknown = new Set(entries.filter(({ type }) => type === 'token.unknown').map(({ issuance }) => issuance));
      const issued = await world.authorizationServer.issued();
      const open = issued.filter(({ sha256, jti, revoked_at }) => {
        const issuance = issuanceOf.get(sha256);
        if (issuance === undefined || unknown.has(issuance)) return false;
        return !settled.has(issuance) || (jti === null && revoked_at === null);
      });
      if (open.length === 0) return;
      await wait(200);
    }
  }
});
