/** What a request was about: all by which something can cover it. The run itself comes first, then its ancestors. */
export interface Subject {
  readonly runs: readonly string[];
  readonly agents: readonly string[];
  readonly workflows: readonly string[];
  readonly operators: readonly string[];
  readonly purposes: readonly string[];
  readonly runtimes: readonly string[];
  readonly clients: readonly string[];
  readonly resource: string | null;
  /** The API key that it was made with, if one was. */
  readonly key: string | null;
}

/** Of a request that is about no run. */
export const nothing: Subject = {
  runs: [],
  agents: [],
  workflows: [],
  operators: [],
  purposes: [],
  runtimes: [],
  clients: [],
  resource: null,
  key: null,
};

/**
 * got: it had what it asked for. refused: it was told no, with `error`. lost: nobody knows, since there was no answer or one that
 * says that it may be tried again.
 */
export type Outcome = 'got' | 'refused' | 'lost';

/** A request as its client saw it. All times of a history are of one monotonic clock, in milliseconds. */
export interface Call {
  readonly begun: number;
  readonly ended: number;
  readonly subject: Subject;
  readonly outcome: Outcome;
  /** The error of a refusal: an OAuth code, or the code of a problem. */
  readonly error: string | null;
  /** Of what it got: the entry that the answer names, and the token's SHA-256 in hex. */
  readonly entry: string | null;
  readonly token: string | null;
}

/** When something was asked for, and when it was acknowledged; null when it never was, so that it may or may not have happened. */
export interface Step {
  readonly begun: number;
  acknowledged: number | null;
}

/** Something that keeps requests from getting anything for as long as it is in force: a suspension, the end of a run, and so on. */
export interface Closure {
  readonly kind: string;
  readonly target: string;
  readonly shut: Step;
  /** Null while nobody asked for it to be lifted. */
  opened: Step | null;
}

/** Which owner a workflow had from when on: the changes in order. */
export interface OwnerChange {
  readonly step: Step;
  /** By workflow. */
  readonly owners: ReadonlyMap<string, string>;
}

export interface History {
  readonly calls: readonly Call[];
  readonly closures: readonly Closure[];
  readonly owners: readonly OwnerChange[];
}
