import type { Testimony } from './witness.js';

interface Round extends Testimony {
  readonly round: number;
  readonly step: string;
  readonly occurrence: number;
  /** How often an agent asked again, since no evaluation of the policy came in time. */
  readonly starved: number;
}

/** Tells how it goes, round by round, and what came of it, step by step. */
export class Tally {
  readonly #rounds: Round[] = [];

  constructor(private readonly planned: number) {}

  add(round: Round): void {
    this.#rounds.push(round);
    const { issuanceOf, inDoubt, vain, findings, starved } = round;
    const counts =
      `${issuanceOf.size} issued, ${round.received} received, ${inDoubt} in doubt, ${vain} in vain, ${round.exposed} listed` +
      (starved === 0 ? '' : `, ${starved} asked for again`);
    const verdict = findings.length === 0 ? 'ok' : findings.join('; ');
    say(`round ${round.round}/${this.planned}, killed ${round.step} (no. ${round.occurrence}): ${counts}: ${verdict}`);
  }

  print(): void {
    const rows = [...new Set(this.#rounds.map(({ step }) => step))].map((step) =>
      this.#row(
        step,
        this.#rounds.filter((round) => round.step === step),
      ),
    );
    const heads = ['killed', 'rounds', 'issued', 'received', 'in doubt', 'in vain', 'listed', 'findings'];
    const table = [heads, ...rows, this.#row('all', this.#rounds)];
    const widths = heads.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
    for (const cells of table) {
      say(
        `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`,
      );
    }
  }

  #row(name: string, rounds: readonly Round[]): string[] {
    const sum = (count: (round: Round) => number): string => String(rounds.reduce((total, round) => total + count(round), 0));
    return [
      name,
      String(rounds.length),
      sum((round) => round.issuanceOf.size),
      sum(({ received }) => received),
      sum((round) => round.inDoubt),
      sum((round) => round.vain),
      sum(({ exposed }) => exposed),
      sum((round) => round.findings.length),
    ];
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
