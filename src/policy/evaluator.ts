/** A compiled policy with the data that it is evaluated with. */
export interface CompiledPolicy {
  /** WebAssembly of OPA's ABI. */
  readonly module: Uint8Array;
  readonly data: Readonly<Record<string, unknown>>;
  /** Every entrypoint that may be evaluated, and whether its answer can rest on counters. */
  readonly readsCounters: Readonly<Record<string, boolean>>;
}

/**
 * undefined: the entrypoint has no value for this input, or is none of the policy's.
 * unreadable: the answer is no single JSON value, or too long to be one.
 * threw: the module failed, or its memory was not enough.
 * timeout: it ran into the deadline. overloaded: it did not get a turn in time.
 * input_refused: the input is too large or too deep, and was not evaluated.
 */
export type EvaluationResult =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'undefined' | 'unreadable' | 'threw' | 'timeout' | 'overloaded' | 'not_loaded' | 'input_refused' };

/** The module cannot be loaded at all. */
export class PolicyUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PolicyUnusable';
  }
}

/**
 * Answers entrypoints of compiled policies.
 *
 * A policy is hostile: whatever it does, evaluate MUST settle in bounded time and memory, without disturbing other evaluations,
 * and MUST NOT reject. The deadline counts from the start of an evaluation, not from its turn in the queue. What one evaluation
 * did MUST NOT be seen by another.
 * load MUST leave the loaded policies as they are when it rejects with PolicyUnusable. Several revisions stay loaded, those that
 * were used or loaded last; how many is bounded.
 * readsCounters says yes where nothing is known.
 * An idle evaluator MUST NOT keep the process alive; after close everything is `not_loaded`.
 */
export abstract class PolicyEvaluator {
  abstract load(revision: string, policy: CompiledPolicy): Promise<void>;
  abstract evaluate(revision: string, entrypoint: string, inputJson: string): Promise<EvaluationResult>;
  abstract readsCounters(revision: string, entrypoint: string): boolean;
  abstract close(): Promise<void>;
}
