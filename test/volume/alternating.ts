/** How many times as long something takes in one place as in another: the median of blocks of calls, and where it lies 99 times in 100. */
export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly blocks: number;
  /** Milliseconds of one call, the median of the blocks: in the one place, and in the other. */
  readonly each: readonly [number, number];
}

type Call = () => Promise<unknown>;

export interface Alternation {
  /** Milliseconds of a block: long against a hiccup of the machine, short against its moods. */
  readonly block: number;
  readonly fewest: number;
  readonly most: number;
  readonly limit: number;
}

/**
 * Calls both in blocks that take turns, so that whatever slows the machine slows both. It goes on until it is plain whether the median
 * is above `limit`, or until there are `most` blocks of each.
 */
export async function alternating(one: Call, other: Call, { block: length, fewest, most, limit }: Alternation): Promise<Ratio> {
  let calls = 4;
  for (let round = 0; round < 3; round++) {
    const took = Math.min(await block(one, calls), await block(other, calls));
    calls = Math.max(1, Math.round(length / took));
  }
  const pairs: [number, number][] = [];
  for (;;) {
    const isTurned = pairs.length % 2 === 1;
    const first = await block(isTurned ? other : one, calls);
    const second = await block(isTurned ? one : other, calls);
    pairs.push(isTurned ? [second, first] : [first, second]);
    if (pairs.length < fewest) continue;
    const ratio = ratioOf(pairs);
    if (pairs.length >= most || ratio.most <= limit || ratio.least > limit) return ratio;
  }
}

/** Milliseconds of one call. */
async function block(call: Call, calls: number): Promise<number> {
  const began = performance.now();
  for (let times = 0; times < calls; times++) await call();
  return (performance.now() - began) / calls;
}

function ratioOf(pairs: readonly (readonly [number, number])[]): Ratio {
  const ratios = pairs.map(([one, other]) => other / one).toSorted((a, b) => a - b);
  // whatever their distribution is, the median lies between these two of them
  const spread = Math.ceil((2.576 * Math.sqrt(ratios.length)) / 2);
  const at = (sorted: readonly number[], place: number): number => sorted[Math.min(Math.max(place, 0), sorted.length - 1)] ?? NaN;
  const middle = ratios.length >> 1;
  const medianOf = (which: 0 | 1): number =>
    at(
      pairs.map((pair) => pair[which]).toSorted((a, b) => a - b),
      middle,
    );
  return {
    median: at(ratios, middle),
    least: at(ratios, middle - spread),
    most: at(ratios, middle + spread),
    blocks: ratios.length,
    each: [medianOf(0), medianOf(1)],
  };
}
