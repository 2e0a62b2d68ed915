/**
 * How many times longer counts as slower, in milliseconds at least so many more. What grows with the data takes as many times as long as
 * there are rounds; what grows by a level of an index does not.
 */
const times = (rounds: number): number => 1.2 * Math.sqrt(rounds);
const MORE = 2;

/** How long each question took at the median, in milliseconds, round after round. */
export class VolumeTable {
  readonly #medians = new Map<string, number[]>();

  constructor(
    private readonly name: string,
    private readonly each: number,
  ) {}

  add(question: string, median: number): void {
    this.#medians.set(question, [...(this.#medians.get(question) ?? []), median]);
  }

  /** The last round measured a question once more: what is slow by itself is so again. */
  again(question: string, median: number): void {
    const medians = this.#medians.get(question) ?? [];
    this.#medians.set(question, [...medians.slice(0, -1), Math.min(medians.at(-1) ?? NaN, median)]);
  }

  get questions(): readonly string[] {
    return [...this.#medians.keys()];
  }

  /** How many the database held in the last round. */
  get entries(): number {
    return Math.min(...[...this.#medians.values()].map((medians) => medians.length)) * this.each;
  }

  /** Whether a question takes longer in the last round than in the first. */
  isSlower(question: string): boolean {
    const medians = this.#medians.get(question) ?? [];
    const [first = NaN, last = NaN] = [medians[0], medians.at(-1)];
    return !(last <= first * times(medians.length) || last <= first + MORE);
  }

  /** The questions that take longer in the last round than in the first. */
  slower(): readonly string[] {
    const slow = [...this.#medians].filter(([question]) => this.isSlower(question));
    return slow.map(([question, medians]) => `${question}: ${medians.map((median) => median.toFixed(2)).join(' → ')} ms`);
  }

  print(): void {
    const lines = [...this.#medians].map(([question, medians]) => {
      const shown = [medians[0], medians.at(-1)].map((median) => (median ?? NaN).toFixed(2).padStart(8));
      return `| ${question.padEnd(46)} | ${shown.join(' | ')} |`;
    });
    const head = `| ${this.name.padEnd(46)} | ${`${this.each / 1000} k`.padStart(8)} | ${`${this.entries / 1000} k`.padStart(8)} |`;
    process.stdout.write(`\nmedians in ms, by entries in the record\n${[head, `| --- | ---: | ---: |`, ...lines].join('\n')}\n`);
  }
}
