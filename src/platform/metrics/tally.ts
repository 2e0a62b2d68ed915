import { mostValues } from './definitions.js';

interface Count {
  n: number;
}

/** Counts by one label or two. To count costs a look into a map for each label; what is beyond the bound is counted as `other`. */
export class Tally {
  readonly #counts = new Map<string, Map<string, Count>>();

  constructor(private readonly most = mostValues) {}

  count(first: string, second = ''): void {
    const known = this.#counts.get(first)?.get(second);
    if (known === undefined) this.#begin(first, second).n++;
    else known.n++;
  }

  /** Each pair of label values, with its count. */
  *entries(): Iterable<readonly [first: string, second: string, count: number]> {
    for (const [first, counts] of this.#counts) for (const [second, { n }] of counts) yield [first, second, n];
  }

  #begin(first: string, second: string): Count {
    const counts = bounded(this.#counts, first, this.most, () => new Map<string, Count>());
    return bounded(counts, second, this.most, () => ({ n: 0 }));
  }
}

function bounded<T>(map: Map<string, T>, key: string, most: number, make: () => T): T {
  const kept = map.has(key) || map.size < most ? key : 'other';
  const value = map.get(kept) ?? make();
  map.set(kept, value);
  return value;
}

/** The values of a label that are told apart: the first so many, and then `other`. */
export class LabelValues {
  readonly #known = new Set<string>();

  constructor(private readonly most = mostValues) {}

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.most) return 'other';
    this.#known.add(value);
    return value;
  }
}
