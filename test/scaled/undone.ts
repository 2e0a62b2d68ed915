import { setTimeout as wait } from 'node:timers/promises';
import type { ScaledWorld } from './scaled-world.js';

/** Milliseconds: beyond the pauses before what failed throughout a fault is tried again. */
const PATIENCE = 60_000;

/**
 * Work that is not done, whether it is due, waits for its next attempt or was given up; what is past its deadline; and rotations, of which
 * none is due in these worlds.
 */
const UNDONE = `
  select kind as what, coalesce(last_error, 'never tried') as why, count(*)::int from work where done_at is null group by 1, 2
  union all select 'run past its deadline', '', count(*)::int from run where ended_at is null and expires_at <= now() having count(*) > 0
  union all select 'intent past its deadline', '', count(*)::int from issuance where state = 'open' and deadline <= now() having count(*) > 0
  union all select 'rotation', state, count(*)::int from rotation where ended_at is null group by 1, 2
  order by 1, 2`;

/** What is left to do when all is quiet and there was time to do it. */
export async function undone({ postgres, database }: ScaledWorld): Promise<readonly unknown[]> {
  let left: readonly unknown[] = [];
  for (const until = performance.now() + PATIENCE; performance.now() < until; await wait(200)) {
    left = await postgres.ask(UNDONE, database);
    if (left.length === 0) break;
  }
  return left;
}
