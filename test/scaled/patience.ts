import { setTimeout as wait } from 'node:timers/promises';
import { isOfStarvedPolicy } from '../rig/starved-policy.js';
import type { Asked } from './surface.js';

const TRIES = 5;
const RETRY_AFTER = 1_000;
const ROUNDS = 3;

export function isStarved({ answer }: Asked): boolean {
  return isOfStarvedPolicy(answer?.status, answer?.body);
}

/** Asks again, as a client does, while all that it is told is that no evaluation of the policy came in time. */
export async function patiently(ask: () => Promise<Asked>): Promise<Asked> {
  let asked = await ask();
  for (let time = 1; time < TRIES && isStarved(asked); time++) {
    await wait(RETRY_AFTER);
    asked = await ask();
  }
  return asked;
}

/** Rounds until one is clean, three at most: the last may be clean, those before it are not. */
export async function untilClean<T>(isClean: (round: T) => boolean, round: () => Promise<T>): Promise<readonly [...T[], T]> {
  const spoilt: T[] = [];
  for (;;) {
    const last = await round();
    if (isClean(last) || spoilt.length + 1 === ROUNDS) return [...spoilt, last];
    spoilt.push(last);
  }
}
