import { setTimeout as wait } from 'node:timers/promises';
import type { Received } from '../crash/agents.js';
import { Chronicle } from './chronicle.js';
import { Disturbances } from './disturbances.js';
import { Drills } from './drills.js';
import { Examination, type Examined } from './examination.js';
import { Families, subjectOf } from './families.js';
import type { Fault } from './faults.js';
import { hammer } from './hammer.js';
import { firstVariant } from './scaled-catalogue.js';
import type { ScaledWorld } from './scaled-world.js';
import { Surface } from './surface.js';

export interface Round extends Examined {
  readonly calls: number;
  readonly got: number;
  readonly refused: number;
  readonly lost: number;
  readonly closures: number;
  readonly seconds: number;
  readonly befell: string;
  /** Why requests got no answer that says yes or no, and how often. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** Clients hammer three replicas while what they rest on changes; what came of it is held against the history and the record. */
export class Linearizability {
  readonly chronicle = new Chronicle();
  readonly #surface: Surface;
  readonly #families: Families;
  readonly #drills: Drills;
  readonly #disturbances: Disturbances;
  readonly #examination: Examination;

  constructor(
    private readonly world: ScaledWorld,
    runtimeKey: string,
  ) {
    this.#surface = new Surface(world);
    this.#families = new Families(world, this.#surface, this.chronicle, runtimeKey);
    this.#drills = new Drills(this.#surface, this.chronicle, this.#families);
    this.#disturbances = new Disturbances(this.#drills, world, this.#surface, this.chronicle, this.#families);
    this.#examination = new Examination(world, this.chronicle, this.#drills);
  }

  async begin(): Promise<void> {
    await this.#examination.begin();
    await this.#disturbances.changeCatalogue(firstVariant);
    for (let replica = 0; this.#families.count < 3; replica++) await this.#families.bear(replica);
  }

  /** So many operations at least, with one fault in the middle of them, and unless told otherwise all that can change under them. */
  async round(amount: number, fault: Fault, { disturbed = true } = {}): Promise<Round> {
    const { calls, closures, reasons } = this.chronicle;
    const before = { closures: closures.length, at: performance.now() };
    calls.length = 0;
    reasons.clear();
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

    const examined = await this.#examination.examine();
    const of = (wanted: string): number => calls.filter(({ outcome }) => outcome === wanted).length;
    const counts = { calls: calls.length, got: of('got'), refused: of('refused'), lost: of('lost') };
    return { ...examined, ...counts, closures: closures.length - before.closures, seconds, befell, reasons: new Map(reasons) };
  }

  get received(): readonly Received[] {
    return this.#examination.received;
  }

  get exposuresCompared(): number {
    return this.#examination.exposuresCompared;
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
}
