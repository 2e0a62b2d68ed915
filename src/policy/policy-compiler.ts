/**
 * The Rego of one policy. `files` are texts by their path, `/` between folders; `data` is the base document (`data.json`);
 * `schemas` are JSON Schemas by name: `input` describes every `input`, any other is reached by the annotation `schema.<name>`.
 */
export interface PolicySource {
  readonly files: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly schemas: Readonly<Record<string, unknown>>;
}

/** What OPA says about a source, with its own code (`rego_parse_error`, `rego_type_error` …). Rows and columns count from 1. */
export interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly row?: number;
  readonly column?: number;
  /** The first line of the Rego that it is about. */
  readonly text?: string;
  /** What more OPA says: which type it has and which it wants, which name it knows that is like this one. */
  readonly details?: readonly string[];
}

/** The source was not accepted. */
export interface Refused {
  readonly ok: false;
  readonly diagnostics: readonly Diagnostic[];
}

export interface CompilerVersion {
  readonly opa: string;
  readonly go: string;
}

export interface CheckResult {
  readonly ok: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Every file of the request as OPA's formatter writes it. */
export type FormatResult = { readonly ok: true; readonly files: Readonly<Record<string, string>> } | Refused;

/**
 * A WebAssembly module of OPA's ABI that calls no built-in of its host. It does not hold the data: who evaluates it
 * sets the source's `data` first. `readsCounters` says for each entrypoint whether it can reach one of `counterPaths`;
 * a reference that cannot be told counts as yes.
 */
export type CompileResult =
  { readonly ok: true; readonly module: Uint8Array; readonly readsCounters: Readonly<Record<string, boolean>> } | Refused;

/** One `test_` rule. */
export interface TestRule {
  /** `data.corridor.token_test` */
  readonly package: string;
  /** `test_denies_without_grant` */
  readonly name: string;
  readonly file: string;
  readonly row: number;
}

/**
 * `expects` is what the rule evaluates to when it passes: true, or for a test with cases (`test_a[name] if …`) an object of
 * true by name. `output` is what `print` wrote while it ran; `error` is why it could not be answered.
 */
export interface TestVerdict extends TestRule {
  readonly verdict: 'pass' | 'fail' | 'error' | 'skip';
  readonly expects: unknown;
  readonly output?: string;
  readonly error?: string;
}

/** Which rows of the files that hold no tests the tests ran through. `percent` counts rows, rounded to two places. */
export interface Coverage {
  readonly percent: number;
  readonly files: Readonly<Record<string, { readonly percent: number; readonly uncovered: readonly RowRange[] }>>;
}

/** Rows, both included. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** `ok` says that the tests ran, `passed` that one at least passed and none failed or erred. A `todo_test_` rule is skipped. */
export type TestResult =
  { readonly ok: true; readonly passed: boolean; readonly tests: readonly TestVerdict[]; readonly coverage: Coverage } | Refused;

/** The tests as a module, one entrypoint each: it passes when it evaluates to what `TestVerdict.expects`. Null without tests. */
export type CompileTestsResult =
  | {
      readonly ok: true;
      readonly module: Uint8Array | null;
      readonly tests: readonly (TestRule & { readonly entrypoint: string })[];
    }
  | Refused;

export interface Evaluation {
  /** `corridor/token/decision` */
  readonly entrypoint: string;
  readonly input: unknown;
  /** Also say how the answer came about, in OPA's readable form. */
  readonly explain?: boolean;
}

export type EvaluateResult =
  | {
      readonly ok: true;
      readonly defined: boolean;
      readonly value: unknown;
      readonly printed: string;
      readonly trace?: string;
    }
  | Refused;

/** What one entrypoint of a module answered. `undefined` is an answer too: no result. */
export type ModuleAnswer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'error'; readonly message: string };

/** What the input holds of history (DESIGN §6). */
export const counterPaths = [
  ['run', 'counters'],
  ['workflow', 'counters'],
] as const;

/**
 * timeout: the job took longer than it may. crash: it ended without an answer, as when it ran out of memory.
 * too_large: the request is larger than the compiler takes; it was not sent. overloaded: too many jobs wait.
 * broken_artefact: the compiler itself is missing, or not the one that was reviewed. closed: it was closed.
 */
export type PolicyCompilerFailure = 'timeout' | 'crash' | 'too_large' | 'overloaded' | 'broken_artefact' | 'closed';

/** The compiler gave no answer. Says nothing about the policy, except that it may be too much for the limits. */
export class PolicyCompilerFailed extends Error {
  constructor(
    readonly code: PolicyCompilerFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'PolicyCompilerFailed';
  }
}

/**
 * OPA's compiler, for Rego v1 and for the built-ins of `policy-compiler/capabilities.json` alone.
 *
 * A policy is hostile input: whatever it holds, a method MUST settle within its deadline, in bounded memory, and reach no
 * file, no network, no environment. It rejects with PolicyCompilerFailed, and then the next call MUST work as if it had not been.
 * What is wrong with the source MUST come as a value, with every diagnostic that OPA gives.
 * Equal sources MUST give equal bytes and equal diagnostics.
 * Jobs may wait for one another. An idle compiler MUST NOT keep the process alive.
 */
export abstract class PolicyCompiler {
  abstract version(): Promise<CompilerVersion>;

  /** Strictly (unused variables and imports, deprecated built-ins …), with the types of the schemas. */
  abstract check(source: PolicySource): Promise<CheckResult>;

  abstract format(files: Readonly<Record<string, string>>): Promise<FormatResult>;

  /** Runs every `test_` rule in OPA's interpreter. The source MUST pass `check` as well. */
  abstract test(source: PolicySource): Promise<TestResult>;

  /** The source MUST pass `check` as well; an entrypoint that no rule defines is a diagnostic. */
  abstract compile(source: PolicySource, entrypoints: readonly string[]): Promise<CompileResult>;

  /** Compiles every `test_` rule to an entrypoint, so that the tests can be run through what production runs. */
  abstract compileTests(source: PolicySource): Promise<CompileTestsResult>;

  /** Answers in OPA's interpreter. An error of a built-in is undefined, as in the module. */
  abstract evaluate(source: PolicySource, evaluation: Evaluation): Promise<EvaluateResult>;

  /**
   * Answers each entrypoint in the module, without input, each in a fresh instance. For tests, not for decisions. One that
   * takes too long is an `error`, and those after it may be errors that say that they were not asked.
   */
  abstract evaluateModule(
    module: Uint8Array,
    data: PolicySource['data'],
    entrypoints: readonly string[],
  ): Promise<Readonly<Record<string, ModuleAnswer>>>;

  /** Ends the running job, which rejects with `closed`, as does every later one. */
  abstract close(): Promise<void>;
}
