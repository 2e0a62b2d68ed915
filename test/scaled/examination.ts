import type { Received } from '../crash/agents.js';
import { check, printViolation, type Violation } from './checker.js';
import type { Chronicle } from './chronicle.js';
import type { Drills } from './drills.js';
import { RecordCheck, type RecordedEntry } from './record-check.js';
import { RecordReader } from './record-reader.js';
import type { ScaledWorld } from './scaled-world.js';

export interface Examined {
  readonly violations: readonly Violation[];
  /** Everything that must not be, in words. */
  readonly findings: readonly string[];
  readonly entries: number;
}

/** Holds what a chronicle says against itself, and against the record. */
export class Examination {
  readonly received: Received[] = [];
  readonly #record = new RecordCheck();
  readonly #reader: RecordReader;

  constructor(
    world: ScaledWorld,
    private readonly chronicle: Chronicle,
    private readonly drills: Drills,
  ) {
    this.#reader = new RecordReader(world);
  }

  /** What was recorded before is no business of this. */
  async begin(): Promise<void> {
    await this.#reader.more();
  }

  /** When all is quiet: of the calls that stand in the chronicle, and of the entries since the last time. */
  async examine(): Promise<Examined> {
    const violations = check(this.chronicle);
    const entries = await this.#reader.more();
    const unexpected = this.chronicle.unexpected.splice(0);
    const findings = [
      ...violations.map(printViolation),
      ...unexpected.map((answer) => `an answer that must not be: ${JSON.stringify(answer)}`),
      ...this.#compare(entries),
    ];
    return { violations, findings, entries: entries.length };
  }

  get exposuresCompared(): number {
    return this.#record.compared;
  }

  #compare(entries: readonly RecordedEntry[]): readonly string[] {
    const calls = this.chronicle.calls.filter(({ subject }) => subject.resource !== null);
    for (const { subject } of calls) this.#record.know(subject);
    const findings = [...this.#record.read(entries, this.drills.exposures)];
    for (const call of calls) {
      if (call.outcome !== 'got') continue;
      findings.push(...this.#record.heard(call, this.chronicle.owners));
      this.received.push({ run: call.subject.runs[0] ?? '', sha256: call.token ?? '', attribution: call.entry ?? '' });
    }
    this.#record.forget();
    return findings;
  }
}
