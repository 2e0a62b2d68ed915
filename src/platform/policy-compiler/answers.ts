import { z } from 'zod';
import { PolicyCompilerFailed } from '../../policy/policy-compiler.js';

/** What the compiler answers, in the words of its Go source. */

export const diagnostic = z.object({
  code: z.string(),
  message: z.string(),
  file: z.string().optional(),
  row: z.int().optional(),
  column: z.int().optional(),
  text: z.string().optional(),
  details: z.array(z.string()).optional(),
});

const refused = z.object({ ok: z.literal(false), diagnostics: z.array(diagnostic) });

const accepted = <T extends z.ZodType>(result: T) => z.discriminatedUnion('ok', [z.object({ ok: z.literal(true), result }), refused]);

const testRule = z.object({ package: z.string(), name: z.string(), file: z.string(), row: z.int() });

const verdict = testRule.extend({
  verdict: z.enum(['pass', 'fail', 'error', 'skip']),
  expects: z.unknown(),
  output: z.string().optional(),
  error: z.string().optional(),
});

const coverage = z.object({
  percent: z.number(),
  files: z.record(z.string(), z.object({ percent: z.number(), uncovered: z.array(z.object({ from: z.int(), to: z.int() })) })),
});

export const versionAnswer = accepted(z.object({ opa: z.string(), go: z.string() }));
export const checkAnswer = accepted(z.unknown().optional());
export const formatAnswer = accepted(z.object({ files: z.record(z.string(), z.string()) }));
export const compileAnswer = accepted(z.object({ reaches: z.record(z.string(), z.boolean()) }));
export const compileTestsAnswer = accepted(z.object({ tests: z.array(testRule.extend({ entrypoint: z.string() })) }));
export const testAnswer = accepted(z.object({ tests: z.array(verdict), coverage }));
export const evaluateAnswer = accepted(
  z.object({ defined: z.boolean(), value: z.unknown().optional(), printed: z.string(), trace: z.string().optional() }),
);

/** Of one entrypoint of a policy module. */
export const moduleAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('value'), value: z.unknown() }),
  z.object({ kind: z.literal('undefined') }),
  z.object({ kind: z.literal('error'), message: z.string() }),
]);

export function parsed<T>(text: string, shape: z.ZodType<T>): T {
  const read = shape.safeParse(JSON.parse(text));
  if (!read.success) {
    throw new PolicyCompilerFailed('crash', 'the policy compiler answered what nobody understands', { cause: read.error });
  }
  return read.data;
}
