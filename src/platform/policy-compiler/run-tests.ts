import { isDeepStrictEqual } from 'node:util';
import type { Coverage, ModuleAnswer, PolicyCompiler, PolicySource, Refused, TestRule, TestVerdict } from '../../policy/policy-compiler.js';

type Verdict = TestVerdict['verdict'];

/** One test, run twice: in OPA's interpreter, and in WebAssembly, which is what decides in production. */
export interface PolicyTest extends TestRule {
  readonly interpreter: Verdict;
  readonly module: Verdict;
  /** What `print` wrote in the interpreter. */
  readonly output?: string;
  /** Why a verdict is `error`, or what the module answered instead. */
  readonly error?: string;
}

/** `passed`: one test at least passed, and every one that was not skipped passed in the interpreter and in the module. */
export type PolicyTestRun =
  { readonly ok: true; readonly passed: boolean; readonly tests: readonly PolicyTest[]; readonly coverage: Coverage } | Refused;

/**
 * Runs every test in the interpreter and in a module made of the tests, since the two can differ (numbers, `with`, errors of
 * built-ins). A test that the interpreter could not finish is not tried in the module.
 */
export async function runPolicyTests(compiler: PolicyCompiler, source: PolicySource): Promise<PolicyTestRun> {
  const interpreted = await compiler.test(source);
  if (!interpreted.ok) return interpreted;
  const compiled = await compiler.compileTests(source);
  if (!compiled.ok) return compiled;

  const entrypoints = new Map(compiled.tests.map((test) => [identity(test), test.entrypoint]));
  const finished = interpreted.tests.filter((test) => test.verdict === 'pass' || test.verdict === 'fail');
  const wanted = finished.flatMap((test) => entrypoints.get(identity(test)) ?? []);
  const answers = compiled.module === null ? {} : await compiler.evaluateModule(compiled.module, source.data, wanted);

  const tests = interpreted.tests.map((test) => {
    const entrypoint = entrypoints.get(identity(test));
    return bothVerdicts(test, entrypoint === undefined ? undefined : answers[entrypoint]);
  });
  const run = tests.filter((test) => test.interpreter !== 'skip');
  const passed = run.length > 0 && run.every((test) => test.interpreter === 'pass' && test.module === 'pass');
  return { ok: true, passed, tests, coverage: interpreted.coverage };
}

function identity({ package: name, name: rule }: TestRule): string {
  return `${name}.${rule}`;
}

function bothVerdicts(test: TestVerdict, answer: ModuleAnswer | undefined): PolicyTest {
  const { package: name, name: rule, file, row, verdict: interpreter, output } = test;
  const common = { package: name, name: rule, file, row, interpreter, ...(output === undefined ? {} : { output }) };
  const because = (module: Verdict, error: string | undefined): PolicyTest => ({
    ...common,
    module,
    ...(error === undefined ? {} : { error }),
  });

  if (interpreter === 'skip') return because('skip', undefined);
  if (interpreter === 'error') return because('error', test.error);
  if (answer === undefined) return because('error', 'the module has no such test');
  if (answer.kind === 'error') return because('error', `in the module: ${answer.message}`);
  if (answer.kind === 'value' && isDeepStrictEqual(answer.value, test.expects)) return because('pass', undefined);
  const said = answer.kind === 'value' ? JSON.stringify(answer.value) : 'undefined';
  return because('fail', interpreter === 'pass' ? `in the module it is ${said}` : undefined);
}
