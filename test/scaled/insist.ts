import { setTimeout as wait } from 'node:timers/promises';
import { pick } from './families.js';

/** Over and over until it is done. */
export async function insist(task: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + 60_000; performance.now() < until; await wait(20)) if (await task()) return;
  throw new Error('it did not come to that within a minute');
}

export function anyReplica(): number {
  return pick([0, 1, 2]);
}
