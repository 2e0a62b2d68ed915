/** From one time to another, both outside of it; without an end: Infinity. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Intervals in order and without touching: together what was given. */
export class Intervals {
  readonly #joined: readonly Interval[];

  constructor(intervals: readonly Interval[]) {
    const joined: { from: number; to: number }[] = [];
    for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
      const last = joined.at(-1);
      if (last !== undefined && from < last.to) last.to = Math.max(last.to, to);
      else if (from < to) joined.push({ from, to });
    }
    this.#joined = joined;
  }

  /** Those that have a moment in common with it. */
  during({ from, to }: Interval): readonly Interval[] {
    let low = 0;
    for (let high = this.#joined.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((this.#joined[middle]?.to ?? Infinity) < from) low = middle + 1;
      else high = middle;
    }
    const found: Interval[] = [];
    for (let each = this.#joined[low]; each !== undefined && each.from <= to; each = this.#joined[++low]) found.push(each);
    return found;
  }

  /** Whether one of them holds all of it. */
  hold({ from, to }: Interval): boolean {
    return this.during({ from, to }).some((each) => each.from < from && to < each.to);
  }
}
