import { createHash } from 'node:crypto';
import { tokenEntrypoint } from './decide.js';
import { type PolicyEvaluator, PolicyUnusable } from './evaluator.js';
import type { GatedModule, ModuleCache } from './module-cache.js';
import type { Diagnostic, PolicyCompiler, PolicySource, Refused } from './policy-compiler.js';
import { revisionOf } from './revision.js';

/** The verdicts on one test, in OPA's interpreter and in a module. */
export interface TestedRule {
  readonly package: string;
  readonly name: string;
  readonly file: string;
  readonly row: number;
  readonly interpreter: 'pass' | 'fail' | 'error' | 'skip';
  readonly module: 'pass' | 'fail' | 'error' | 'skip';
  readonly error?: string;
}

/** Runs every test of a policy twice: interpreted, and through a module. */
export type RunPolicyTests = (source: PolicySource) => Promise<{ readonly ok: true; readonly tests: readonly TestedRule[] } | Refused>;

/** A policy that has passed its gates and can be evaluated. */
export interface Prepared {
  readonly ok: true;
  readonly revision: string;
  /** How many tests it passed; null when it had passed before. */
  readonly tests: number | null;
}

/**
 * Takes a policy through its gates: check, test, compile, load (DESIGN §6). Whether it then becomes the active one is a change
 * of facts and somebody else's business. The same source with the same compiler passes once and comes from the cache afterwards.
 */
export class PreparePolicy {
  /** `compilerDigest` names the compiler's own bytes. */
  constructor(
    private readonly compiler: PolicyCompiler,
    private readonly compilerDigest: string,
    private readonly runTests: RunPolicyTests,
    private readonly cache: ModuleCache,
    private readonly evaluator: PolicyEvaluator,
  ) {}

  /** @throws PolicyCompilerFailed when there is no telling what the policy is worth. */
  async prepare(source: PolicySource): Promise<Prepared | Refused> {
    const revision = revisionOf(source);
    const key = createHash('sha256').update(`${this.compilerDigest} ${tokenEntrypoint} ${revision}`).digest('hex');
    const cached = await this.cache.get(key);
    const gated = cached === null ? await this.#gate(source) : { ...cached, ok: true as const, tests: null };
    if (!gated.ok) return gated;

    const { module, readsCounters, tests } = gated;
    try {
      await this.evaluator.load(revision, { module, data: source.data, readsCounters });
    } catch (error) {
      if (error instanceof PolicyUnusable) return refuse({ code: 'policy_unusable', message: error.message });
      throw error;
    }
    if (cached === null) await this.cache.put(key, { module, readsCounters });
    return { ok: true, revision, tests };
  }

  async #gate(source: PolicySource): Promise<(GatedModule & { readonly ok: true; readonly tests: number }) | Refused> {
    const checked = await this.compiler.check(source);
    if (!checked.ok) return { ok: false, diagnostics: checked.diagnostics };

    const tested = await this.runTests(source);
    if (!tested.ok) return tested;
    const broken = tested.tests.filter(({ interpreter, module }) => !isFine(interpreter) || !isFine(module));
    if (broken.length > 0) return { ok: false, diagnostics: broken.map(asDiagnostic) };

    const compiled = await this.compiler.compile(source, [tokenEntrypoint]);
    if (!compiled.ok) return compiled;
    const passed = tested.tests.filter(({ interpreter }) => interpreter === 'pass');
    return { ok: true, module: compiled.module, readsCounters: compiled.readsCounters, tests: passed.length };
  }
}

function isFine(verdict: TestedRule['module']): boolean {
  return verdict === 'pass' || verdict === 'skip';
}

function asDiagnostic({ package: name, name: rule, file, row, interpreter, error }: TestedRule): Diagnostic {
  const where = isFine(interpreter) ? ' in the compiled module, though not in the interpreter' : '';
  const why = error === undefined ? '' : `: ${error}`;
  return { code: 'test_failed', message: `${name}.${rule} fails${where}${why}`, file, row };
}

function refuse(diagnostic: Diagnostic): Refused {
  return { ok: false, diagnostics: [diagnostic] };
}
