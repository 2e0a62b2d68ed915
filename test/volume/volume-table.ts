/**
 * How many times longer counts as slower, in milliseconds at least so many more. What grows with the data takes as many times as long as
 * there are rounds; what grows by a level of an index does not.
 */
const times = (rounds: number): number => 1.2 * Math.sqrt(rounds);
const MORE = 2;

/** Milliseconds at the median: what a question took, and what the controls did meanwhile, which read nothing that grows. */
export interface Measured {
  readonly took: number;
  readonly controls: readonly number[];
}

/** How long each question took at the median, in milliseconds, round after round. */
export class VolumeTable {
  readonly #rounds = new Map<string, Measured[]>();

  constructor(
    private readonly name: string,
    private readonly each: number,
  ) {}

  add(question: string, measured: Measured): void {
    this.#rounds.set(question, [...(this.#rounds.get(question) ?? []), measured]);
  }

  /** The last round measured a question once more: what is slow by itself is so again. */
  again(question: string, measured: Measured): void {
    const rounds = this.#rounds.get(question) ?? [];
    const last = rounds.at(-1) ?? measured;
    const better = [last, measured].sort((one, other) => inPace(one, rounds[0]) - inPace(other, rounds[0])).slice(0, 1);
    this.#rounds.set(question, [...rounds.slice(0, -1), ...better]);
  }

  get questions(): readonly string[] {
    return [...this.#rounds.keys()];
  }

  /** How many the database held in the last round. */
  get entries(): number {
    return Math.min(...[...this.#rounds.values()].map((rounds) => rounds.length)) * this.each;
  }

  /** Whether a question takes longer in the last round than in the first, at the pace that the machine had in the first. */
  isSlower(question: string): boolean {
    const rounds = this.#rounds.get(question) ?? [];
    const [first = NaN, last] = [rounds[0]?.took, inPace(rounds.at(-1), rounds[0])];
    return !(last <= first * times(rounds.length) || last <= first + MORE);
  }

  /** The questions that take longer in the last round than in the first. */
  slower(): readonly string[] {
    const slow = [...this.#rounds].filter(([question]) => this.isSlower(question));
    return slow.map(([question, rounds]) => {
      const each = rounds.map(({ took, controls }) => `${took.toFixed(2)} (controls ${controls.map((ms) => ms.toFixed(2)).join(', ')})`);
      return `${question}: ${each.join(' → ')} ms`;
    });
  }

  print(): void {
    const lines = [...this.#rounds].map(([question, rounds]) => {
      const shown = [rounds[0]?.took, rounds.at(-1)?.took, inPace(rounds.at(-1), rounds[0])].map((ms) =>
        (ms ?? NaN).toFixed(2).padStart(8),
      );
      return `| ${question.padEnd(46)} | ${shown.join(' | ')} |`;
    });
    const heads = [`${this.each / 1000} k`, `${this.entries / 1000} k`, 'in pace'].map((head) => head.padStart(8));
    const head = `| ${this.name.padEnd(46)} | ${heads.join(' | ')} |`;
    process.stdout.write(`\nmedians in ms, by entries in the record\n${[head, `| --- | ---: | ---: | ---: |`, ...lines].join('\n')}\n`);
  }
}

/**
 * What it would have taken had the machine not become slower since `first`, by the control that became slowest. A machine that became
 * quicker is not held against anything.
 */
function inPace(measured: Measured | undefined, first: Measured | undefined): number {
  const slower = measured?.controls.map((control, index) => control / (first?.controls[index] ?? NaN)) ?? [NaN];
  return (measured?.took ?? NaN) / Math.max(1, ...slower);
}
