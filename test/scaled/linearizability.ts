import { setTimeout as wait } from 'node:timers/promises';
import type { Received } from '../crash/agents.js';
import { check, printViolation, type Violation } from './checker.js';
import { Chronicle } from './chronicle.js';
import { Disturbances } from './disturbances.js';
import { Drills } from './drills.js';
import { Families, subjectOf } from './families.js';
import type { Fault } from './faults.js';
import { hammer } from './hammer.js';
import { RecordCheck, type RecordedEntry } from './record-check.js';
import { RecordReader } from './record-reader.js';
import { firstVariant } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import { Surface } from './surface.js';

export interface Round {
  readonly calls: number;
  readonly got: number;
  readonly refused: number;
  readonly lost: number;
  readonly closures: number;
  readonly entries: number;
  readonly seconds: number;
  readonly befell: string;
  readonly violations: readonly Violation[];
  /** Everything that must not be, in words. */
  readonly findings: readonly string[];
}

/** Clients hammer three replicas while what they rest on changes; what came of it is held against the history and the record. */
export class Linearizability {
  readonly chronicle = new Chronicle();
  readonly received: Received[] = [];
  readonly #surface: Surface;
  readonly #families: Families;
  readonly #drills: Drills;
  readonly #disturbances: Disturbances;
  readonly #reader: RecordReader;
  readonly #record = new RecordCheck();

  constructor(
    private readonly world: ScaledWorld,
    runtimeKey: string,
  ) {
    this.#surface = new Surface(world);
    this.#families = new Families(world, this.#surface, this.chronicle, runtimeKey);
    this.#drills = new Drills(this.#surface, this.chronicle, this.#families);
    this.#disturbances = new Disturbances(this.#drills, world, this.#surface, this.chronicle, this.#families);
    this.#reader = new RecordReader(world);
  }

  /** What was recorded before is no business of this. */
  async begin(): Promise<void> {
    await this.#reader.more();
    await this.#disturbances.changeCatalogue(firstVariant);
    for (let replica = 0; this.#families.count < 3; replica++) await this.#families.bear(replica);
  }

  /** So many operations at least, with one fault in the middle of them, and unless told otherwise all that can change under them. */
  async round(amount: number, fault: Fault, { disturbed = true } = {}): Promise<Round> {
    const { calls, closures, unexpected } = this.chronicle;
    const before = { closures: closures.length, at: performance.now() };
    calls.length = 0;
    let over = false;
    const befallen = (async () => {
      await wait(300);
      return fault(this.world, this.#drills, this.#ask);
    })().finally(() => (over = true));
    const hammered = hammer(this.#surface, this.chronicle, this.#families, { amount, over: () => over });
    let going = true;
    const disturbing = disturbed ? this.#disturbances.go(() => !going) : Promise.resolve();
    const befell = await befallen;
    await hammered;
    going = false;
    await disturbing;
    const seconds = (performance.now() - before.at) / 1000;
    await this.#drills.settle();

    const violations = check(this.chronicle);
    const entries = await this.#reader.more();
    const findings = [
      ...violations.map(printViolation),
      ...unexpected.map((answer) => `an answer that must not be: ${JSON.stringify(answer)}`),
      ...this.#compare(entries),
    ];
    unexpected.length = 0;
    const of = (wanted: string): number => calls.filter(({ outcome }) => outcome === wanted).length;
    const counts = { calls: calls.length, got: of('got'), refused: of('refused'), lost: of('lost') };
    return { ...counts, closures: closures.length - before.closures, entries: entries.length, seconds, befell, violations, findings };
  }

  get exposuresCompared(): number {
    return this.#record.compared;
  }

  async close(): Promise<void> {
    await this.#disturbances.changeCatalogue(firstVariant);
    await this.#surface.close();
  }

  readonly #ask = async (replica: number, times: number): Promise<void> => {
    const member = this.#families.any();
    const ask = () => this.chronicle.call(subjectOf(member, 'crm'), () => this.#surface.ask(replica, member.run, 'crm'));
    await Promise.all(Array.from({ length: times }, ask));
  };

  #compare(entries: readonly RecordedEntry[]): readonly string[] {
    const calls = this.chronicle.calls.filter(({ subject }) => subject.resource !== null);
    for (const { subject } of calls) this.#record.know(subject);
    const findings = [...this.#record.read(entries, this.#drills.exposures)];
    for (const call of calls) {
      if (call.outcome !== 'got') continue;
      findings.push(...this.#record.heard(call, this.chronicle.owners));
      this.received.push({ run: call.subject.runs[0] ?? '', sha256: call.token ?? '', attribution: call.entry ?? '' });
    }
    this.#record.forget();
    return findings;
  }
}
