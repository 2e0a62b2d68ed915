import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseUnavailable } from '../../store/database.js';
import { systemErrorCode } from '../keys/system-error.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { connectionFailure } from './checked-connection.js';
import { DatabaseBehind } from './last-seen.js';

export interface Patience {
  /** Milliseconds; 0: none. */
  readonly within: number;
  /** Told at once, and then every few seconds, with what it waits for. */
  readonly say?: (why: string) => void;
  /** Aborted when nobody wants it any more. */
  readonly signal?: AbortSignal;
  readonly again?: number;
  readonly sayEvery?: number;
}

const AGAIN_AFTER = 1_000;
const SAY_EVERY = 5_000;

/** A server that is not there yet, does not take connections yet, or is over its limit of them; what time alone may mend. */
const AWAY = new Set(
  `ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN EAI_AGAIN ENOTFOUND
   57P01 57P02 57P03 53300 08000 08001 08003 08004 08006`.split(/\s+/),
);

/**
 * Opens a database, and tries again while its server is away. A server that is there and refuses (the password, the name of the database,
 * its version, what it has lost) is not waited for. @throws PlatformUnusable, and whatever `open` throws
 */
export async function whileAway<T>(open: () => Promise<T>, patience: Patience): Promise<T> {
  const { within, say, signal, again = AGAIN_AFTER, sayEvery = SAY_EVERY } = patience;
  const began = performance.now();
  for (let said = -Infinity; ;) {
    try {
      return await open();
    } catch (error) {
      if (within === 0 || !isAway(error)) throw error;
      const why = reasonOf(error);
      const now = performance.now();
      if (now - began >= within) throw new PlatformUnusable(outOfPatience(within, why), { cause: error });
      if (now - said >= sayEvery) {
        say?.(why);
        said = now;
      }
    }
    await pause(again, undefined, signal === undefined ? {} : { signal }).catch(() => {
      throw new PlatformUnusable('It was told to stop while it waited for its database.');
    });
  }
}

function outOfPatience(within: number, why: string): string {
  return (
    `The database of CORRIDOR_DATABASE_URL was not there within ${within / 1000} s (CORRIDOR_DATABASE_WAIT): ${why}. ` +
    'Start it, or correct the URL; then start Corridor again.'
  );
}

function isAway(error: unknown): boolean {
  const cause = deepest(error);
  const code = systemErrorCode(cause);
  if (AWAY.has(code)) return true;
  // a standby, which a failover may make the primary
  if (cause instanceof DatabaseUnavailable) return !(cause instanceof DatabaseBehind);
  // the driver's own words have no code
  return code === 'unknown' && !(cause instanceof PlatformUnusable) && /timeout|terminated unexpectedly/i.test(reasonOf(cause));
}

function reasonOf(error: unknown): string {
  return connectionFailure(deepest(error));
}

function deepest(error: unknown): unknown {
  let cause = error;
  for (let depth = 0; depth < 10 && typeof cause === 'object' && cause !== null && 'cause' in cause && cause.cause !== undefined; depth++)
    cause = cause.cause;
  return cause;
}
