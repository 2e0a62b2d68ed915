/** Of one process of Corridor, as its own metrics tell it: bytes resident, bytes of the old generation, open descriptors, seconds of CPU. */
export interface ProcessSample {
  readonly rss: number;
  readonly heap: number;
  readonly handles: number;
  readonly cpu: number;
}

/** What agents and runtimes were answered since the sample before. */
export interface Answers {
  readonly ok: number;
  /** 503 `temporarily_unavailable`: documented, to be tried again. */
  readonly unavailable: number;
  /** Those of them that were told no more than that no evaluation of the policy came in time. */
  readonly starved: number;
  /** The connection was refused or broke off. */
  readonly brokenOff: number;
  /** Anything else. */
  readonly unexpected: number;
  /** The first few of those that were not good. */
  readonly examples: readonly string[];
  /** Requests that were due and not made, since too many were under way. */
  readonly heldBack: number;
}

/** Milliseconds from a token request to its answer, good or not; null when there was none. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Null stands for what could not be read then. */
export interface Sample {
  /** Seconds since the run began; the sample before is where its counts begin. */
  readonly at: number;
  /** By name: `api-1`, `api-2`, `worker`. */
  readonly processes: Readonly<Record<string, ProcessSample | null>>;
  /** Work that is not done, and for how many seconds the oldest of it is due. */
  readonly queue: { readonly waiting: number; readonly age: number } | null;
  readonly backends: number | null;
  readonly databaseBytes: number | null;
  /** Share of all cores that was busy, with whatever. */
  readonly busy: number;
  readonly answers: Answers;
  readonly latency: Latency | null;
}

/** What may be answered while a fault lasts, besides what was asked for. */
export type Excuse = 'unavailable' | 'brokenOff';

/** A fault that came, in seconds since the run began. */
export interface Befallen {
  readonly name: string;
  /** One letter for the graphs. */
  readonly mark: string;
  readonly from: number;
  readonly to: number;
  readonly excuses: readonly Excuse[];
}

/** What is left when the load has ended and everything had its time. */
export interface Remains {
  readonly work: number;
  readonly givenUp: number;
  readonly runs: number;
  readonly intents: number;
}

/** What the authorization server issued, held against the record and the agents' hands. */
export interface Accounts {
  readonly issued: number;
  readonly received: number;
  readonly answered: number;
  readonly released: number;
  readonly findings: readonly string[];
}

export interface Soak {
  readonly minutes: number;
  /** Requests a second: what it took at full load, and what was offered. */
  readonly capacity: number;
  readonly rate: number;
  readonly samples: readonly Sample[];
  readonly faults: readonly Befallen[];
  /** Processes that were never ended: only of these can memory be compared. */
  readonly lasting: readonly string[];
  readonly remains: Remains;
  readonly accounts: Accounts;
}
