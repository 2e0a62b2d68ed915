import { setTimeout as wait } from 'node:timers/promises';
import type { Disturbances } from './disturbances.js';
import type { ScaledWorld } from './scaled-world.js';

/** What befalls the replicas while they are hammered, and what it says of itself. */
export type Fault = (world: ScaledWorld, disturbances: Disturbances) => Promise<string>;

const FREEZES = 2;

/** A replica is frozen in the middle of a release, everything is stopped elsewhere, and it wakes when that is acknowledged. */
const frozen: Fault = async ({ replicas }, disturbances) => {
  const replica = replicas[2];
  if (replica === undefined) throw new TypeError('there is no third replica');
  const said = (): readonly string[] => replica.output().match(/^frozen .*$/gm) ?? [];
  const told: string[] = [];
  for (let freeze = 0; freeze < FREEZES; freeze++) {
    const before = said().length;
    replica.signal('SIGUSR2');
    for (const until = performance.now() + 15_000; said().length === before && performance.now() < until;) await wait(5);
    const moment = said()[before];
    if (moment === undefined) throw new Error('the replica did not freeze');
    const wake = async (): Promise<void> => {
      replica.signal('SIGCONT');
      await wait(150);
    };
    const took = await disturbances.suspend(250, freeze % 2 === 0 ? 'everything' : 'workflow', wake, [0, 1]);
    told.push(`${moment.replace('frozen ', '')} (stop acknowledged in ${took?.toFixed(0) ?? '?'} ms)`);
  }
  return `a replica frozen at ${told.join(' and at ')}`;
};

const cut: Fault = async ({ wires }) => {
  const before = wires.map(({ cuts }) => cuts);
  for (let time = 0; time < 12; time++) {
    wires[time % wires.length]?.cut();
    await wait(60);
  }
  return `${wires.reduce((sum, { cuts }, index) => sum + cuts - (before[index] ?? 0), 0)} connections cut`;
};

const restarted: Fault = async ({ postgres }) => {
  await postgres.end('SIGQUIT');
  await wait(300);
  const since = performance.now();
  await postgres.start();
  return `PostgreSQL ended at once and started again, ${(performance.now() - since).toFixed(0)} ms later`;
};

const nothing: Fault = async () => {
  await wait(500);
  return 'no fault';
};

/** In turns, one each round. */
export const faults: readonly Fault[] = [frozen, cut, frozen, restarted, nothing];
