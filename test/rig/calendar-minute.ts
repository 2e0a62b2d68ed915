import { setTimeout as delay } from 'node:timers/promises';

const MINUTE = 60_000;
/** Milliseconds that a test may need for what it counts by the minute. */
const NEEDED = 10_000;

/** Waits for the next minute of the clock where this one is over soon: limits are counted by it, and fall a little when it turns. */
export async function earlyInMinute(): Promise<void> {
  const left = MINUTE - (Date.now() % MINUTE);
  if (left < NEEDED) await delay(left + 50);
}
