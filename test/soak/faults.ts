import { setTimeout as wait } from 'node:timers/promises';
import type { Befallen } from './samples.js';
import { database, type SoakWorld } from './soak-world.js';

interface Fault extends Pick<Befallen, 'name' | 'mark' | 'excuses'> {
  /** Ends when nothing hinders any more. */
  readonly befall: (world: SoakWorld) => Promise<void>;
}

const LASTS = 10_000;
const CUTS = 3;

const redisKilled: Fault = {
  name: 'Redis killed, back after 5 s',
  mark: 'R',
  excuses: [],
  befall: async ({ redis }) => {
    await redis?.kill();
    await wait(LASTS / 2);
    await redis?.restart();
  },
};

const redisFrozen: Fault = {
  name: 'Redis frozen for 5 s',
  mark: 'F',
  excuses: [],
  befall: async ({ redis }) => {
    redis?.freeze();
    await wait(LASTS / 2);
    redis?.thaw();
  },
};

const postgresKilled: Fault = {
  name: 'PostgreSQL killed, started again after 3 s',
  mark: 'P',
  excuses: ['unavailable'],
  befall: async ({ postgres }) => {
    await postgres.end('SIGKILL');
    await wait(3_000);
    await postgres.start();
  },
};

const connectionsCut: Fault = {
  name: `all connections to PostgreSQL cut, ${CUTS} times`,
  mark: 'C',
  excuses: ['unavailable'],
  befall: async ({ postgres }) => {
    for (let time = 0; time < CUTS; time++) {
      await postgres.ask(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`);
      await wait(1_000);
    }
  },
};

const serverFails: Fault = {
  name: 'authorization server answers 503 for 10 s',
  mark: 'E',
  excuses: ['unavailable'],
  befall: async ({ authorizationServer }) => {
    await authorizationServer.outages({ 'POST /token': 503, 'POST /token/revocation': 503 });
    await wait(LASTS);
    await authorizationServer.outages({});
  },
};

const serverSlow: Fault = {
  name: 'authorization server takes 3 s for each token, for 10 s',
  mark: 'S',
  excuses: ['unavailable'],
  befall: async ({ authorizationServer }) => {
    await authorizationServer.delay({ before: 3_000 });
    await wait(LASTS);
    await authorizationServer.delay({ before: 0 });
  },
};

const replicaStopped: Fault = {
  name: 'one replica stopped in order, and started again',
  mark: 'T',
  excuses: ['unavailable', 'brokenOff'],
  befall: async (world) => {
    await world.corridor('api-2').stop();
    await wait(1_000);
    await world.startProcess('api-2');
  },
};

const replicaKilled: Fault = {
  name: 'one replica killed, and started again',
  mark: 'K',
  excuses: ['unavailable', 'brokenOff'],
  befall: async (world) => {
    const replica = world.corridor('api-2');
    await replica.kill();
    await replica.stop(); // what it left in a directory of its own
    await wait(1_000);
    await world.startProcess('api-2');
  },
};

/** In turns. Where there is no Redis, which the rig says aloud, nothing befalls it. */
export function faultsOf({ redis }: SoakWorld): readonly Fault[] {
  const all = [redisKilled, postgresKilled, serverFails, replicaStopped, connectionsCut, serverSlow, replicaKilled, redisFrozen];
  return redis === null ? all.filter((fault) => fault !== redisKilled && fault !== redisFrozen) : all;
}

/** Seconds from the beginning to the first fault, from one to the next, and from the last one's beginning to the end, at least. */
const FIRST = 10;
const LAST = 20;
const rhythm = (minutes: number): number => Math.min(120, Math.max(25, 4 * minutes));

/** Faults in turns until the end is near. `now`: seconds since the run began. */
export async function befall(world: SoakWorld, minutes: number, now: () => number, told: (fault: Befallen) => void): Promise<void> {
  const faults = faultsOf(world);
  for (let turn = 0; FIRST + turn * rhythm(minutes) + LAST <= minutes * 60; turn++) {
    await wait(Math.max(0, FIRST + turn * rhythm(minutes) - now()) * 1000);
    const fault = faults[turn % faults.length];
    if (fault === undefined) return;
    const from = now();
    await fault.befall(world);
    const { name, mark, excuses } = fault;
    told({ name, mark, excuses, from, to: now() });
  }
}
