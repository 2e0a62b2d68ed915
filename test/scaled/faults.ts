import { setTimeout as wait } from 'node:timers/promises';
import type { Drills } from './drills.js';
import { arm, untilFrozen } from './freeze.js';
import type { ScaledWorld } from './scaled-world.js';

/** What befalls the replicas while they are hammered, and what it says of itself. `ask` makes so many requests of one replica at once. */
export type Fault = (world: ScaledWorld, drills: Drills, ask: (replica: number, times: number) => Promise<void>) => Promise<string>;

const FREEZES = 2;
const SLEEPS = 4;

/** A replica is frozen in the middle of a release, everything is stopped elsewhere, and it wakes when that is acknowledged. */
const frozen: Fault = async ({ replicas }, drills) => {
  const [, , replica] = replicas;
  if (replica === undefined) throw new TypeError('there is no third replica');
  const told: string[] = [];
  for (let freeze = 0; freeze < FREEZES; freeze++) {
    const moment = await untilFrozen(replica, await arm(replica));
    const wake = async (): Promise<void> => {
      replica.signal('SIGCONT');
      await wait(150);
    };
    const took = await drills.suspend(250, freeze % 2 === 0 ? 'everything' : 'workflow', wake, [0, 1]);
    told.push(`"${moment}" (stop acknowledged in ${took?.toFixed(0) ?? '?'} ms)`);
  }
  return `a replica frozen at ${told.join(' and at ')}`;
};

/** A replica sleeps through a stop, and is asked before it can have heard of it. */
export const asleep: Fault = async ({ replicas }, drills, ask) => {
  for (let sleep = 0; sleep < SLEEPS; sleep++) {
    const asked = 1 + (sleep % 2);
    const askAndWake = async (): Promise<void> => {
      const asking = ask(asked, 12);
      await wait(30);
      replicas[asked]?.signal('SIGCONT');
      await asking;
    };
    replicas[asked]?.signal('SIGSTOP');
    await drills.suspend(20, 'everything', askAndWake, [0]).finally(() => replicas[asked]?.signal('SIGCONT'));
  }
  return `${SLEEPS} times a replica asleep while everything was stopped, and asked before it woke`;
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

/** Replicas are killed while everything is being stopped through them, so that whoever stops may never learn whether it did. */
const killed: Fault = async (world, drills) => {
  const told: string[] = [];
  for (const index of [1, 2]) {
    const replica = world.replica(index);
    const stopping = drills.suspend(250, 'everything', undefined, [index]);
    await wait(20 * Math.random());
    await replica.kill();
    const took = await stopping;
    told.push(took === null ? 'without an answer' : 'acknowledged');
    await replica.stop(); // what the rig made for it goes
    await world.startReplica(index);
  }
  return `replicas killed while they stopped everything (${told.join(', ')})`;
};

const nothing: Fault = async () => {
  await wait(500);
  return 'no fault';
};

/** In turns, one each round. */
export const faults: readonly Fault[] = [frozen, cut, asleep, restarted, killed, frozen, nothing];
