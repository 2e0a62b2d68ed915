import { type ModuleAnswer, PolicyCompilerFailed } from '../../policy/policy-compiler.js';
import { moduleAnswer, parsed } from './answers.js';
import type { CompilerProcess } from './compiler-process.js';

/**
 * Asks one entrypoint after the other. Nothing can stop a module but the end of the process, so the first that takes too long, or
 * takes the process with it, is the last that is asked; so is the one at which the time for all of them is over.
 */
export async function answerEntrypoints(
  running: CompilerProcess,
  entrypoints: readonly string[],
  { each, all }: { readonly each: number; readonly all: number },
): Promise<Record<string, ModuleAnswer>> {
  const answers: Record<string, ModuleAnswer> = {};
  const end = performance.now() + all;
  let over: string | undefined;
  for (const entrypoint of entrypoints) {
    if (over === undefined && performance.now() > end) over = `not asked: the others took longer than ${all} ms`;
    if (over !== undefined) {
      answers[entrypoint] = { kind: 'error', message: over };
      continue;
    }
    try {
      answers[entrypoint] = parsed((await running.ask({ kind: 'entrypoint', entrypoint }, each)).text, moduleAnswer);
    } catch (error) {
      if (!(error instanceof PolicyCompilerFailed)) throw error;
      answers[entrypoint] = { kind: 'error', message: error.code === 'timeout' ? `took longer than ${each} ms` : error.message };
      over = `not asked: ${entrypoint} did not come to an end`;
    }
  }
  return answers;
}
