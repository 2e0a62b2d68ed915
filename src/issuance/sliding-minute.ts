const MINUTE = 60_000;
const REMEMBERED = 50_000;

interface Counted {
  /** Minutes since 1970. */
  minute: number;
  inIt: number;
  before: number;
}

/**
 * Counts by key over the last 60 seconds: what the running minute has, and of the one before it the share that still lies within.
 * Bounded: what was not counted for longest is forgotten first. Times in milliseconds since 1970.
 */
export class SlidingMinute {
  readonly #counted = new Map<string, Counted>();

  /** Milliseconds to wait until one more keeps within `limit` a minute; 0 when it does now. */
  wait(key: string, limit: number, now: number): number {
    const counted = this.#counted.get(key);
    const minute = Math.floor(now / MINUTE);
    const [inIt, before] = countsAt(counted, minute);
    const gone = Math.floor(now - minute * MINUTE);
    if (before * (MINUTE - gone) + inIt * MINUTE < limit * MINUTE) return 0;
    // either enough of the minute before falls out of the 60 seconds, or of this one when it has become the minute before
    return inIt < limit ? fallsBelow(limit - inIt, before) - gone : MINUTE - gone + fallsBelow(limit, inIt);
  }

  count(key: string, now: number): void {
    const minute = Math.floor(now / MINUTE);
    const counted = this.#counted.get(key);
    if (counted?.minute === minute) {
      counted.inIt++;
      return;
    }
    const [, before] = countsAt(counted, minute);
    this.#counted.delete(key);
    this.#counted.set(key, { minute, inIt: 1, before });
    if (this.#counted.size > REMEMBERED) this.#counted.delete(this.#counted.keys().next().value ?? key);
  }

  /** Takes back one that was counted at that time; one that the running minute has left behind stays. */
  takeBack(key: string, countedAt: number): void {
    const counted = this.#counted.get(key);
    if (counted?.minute === Math.floor(countedAt / MINUTE) && counted.inIt > 0) counted.inIt--;
  }
}

/** What was counted in this minute and in the one before it. */
function countsAt(counted: Counted | undefined, minute: number): [inIt: number, before: number] {
  if (counted === undefined || counted.minute < minute - 1) return [0, 0];
  return counted.minute < minute ? [0, counted.inIt] : [counted.inIt, counted.before];
}

/** After how many milliseconds of a minute what is left of the one before it is below `limit`. */
function fallsBelow(limit: number, before: number): number {
  return Math.floor(MINUTE - (limit * MINUTE) / before + 1e-6) + 1;
}
