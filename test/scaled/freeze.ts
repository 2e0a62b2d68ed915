import { setTimeout as wait } from 'node:timers/promises';
import type { RunningCorridor } from '../rig/corridor.js';

const PATIENCE = 30_000;

/** Tells a replica (freezing-corridor.mjs) to freeze at its next moment, or at one by name, as frost.mjs has them. Gives the moment. */
export async function arm(replica: RunningCorridor, wanted?: string): Promise<string> {
  for (;;) {
    const before = lines(replica, 'armed').length;
    replica.signal('SIGUSR2');
    const moment = await next(replica, 'armed', before);
    if (wanted === undefined || moment === wanted) return moment;
  }
}

/** Until it is frozen at the moment that it was armed for. */
export async function untilFrozen(replica: RunningCorridor, moment: string): Promise<string> {
  const times = lines(replica, 'frozen').filter((each) => each === moment).length;
  const armed = lines(replica, 'armed').filter((each) => each === moment).length;
  if (times >= armed) return moment;
  for (const until = performance.now() + PATIENCE; performance.now() < until; await wait(5)) {
    if (lines(replica, 'frozen').filter((each) => each === moment).length > times) return moment;
  }
  throw new Error(`the replica did not freeze at "${moment}"`);
}

async function next(replica: RunningCorridor, word: string, before: number): Promise<string> {
  for (const until = performance.now() + PATIENCE; performance.now() < until; await wait(2)) {
    const found = lines(replica, word)[before];
    if (found !== undefined) return found;
  }
  throw new Error(`the replica does not say that it is ${word}`);
}

function lines(replica: RunningCorridor, word: string): readonly string[] {
  return (replica.output().match(new RegExp(`^${word} .*$`, 'gm')) ?? []).map((line) => line.slice(word.length + 1));
}
