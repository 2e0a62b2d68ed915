import { existsSync } from 'node:fs';
import path from 'node:path';
import { WorkerPool } from '../platform/evaluation/worker-pool.js';
import { NodePolicyCompiler } from '../platform/policy-compiler/node-policy-compiler.js';
import { runPolicyTests } from '../platform/policy-compiler/run-tests.js';
import { PolicyDirectoryInvalid, readPolicyDirectory } from '../platform/policy-directory.js';
import { ModuleCache } from '../policy/module-cache.js';
import type { Diagnostic, PolicySource } from '../policy/policy-compiler.js';
import { PreparePolicy } from '../policy/prepare-policy.js';
import type { Problem } from './command-failed.js';
import type { ConfiguredPaths } from './configured-paths.js';

export interface CheckedPolicy {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Takes the policy directory through the gates that a start takes it through. */
export async function checkPolicy({ policyDirectory, isPolicyDirectoryNamed }: ConfiguredPaths): Promise<CheckedPolicy> {
  if (!existsSync(policyDirectory)) {
    if (isPolicyDirectoryNamed) return { problems: [], warnings: [] }; // that is told of the variable
    const message = `There is no policy directory ${policyDirectory}: every request is denied until a policy is there.`;
    return { problems: [], warnings: [{ message }] };
  }
  try {
    const diagnostics = await diagnosticsOf(await readPolicyDirectory(policyDirectory));
    return { problems: diagnostics.map((diagnostic) => problemOf(diagnostic, policyDirectory)), warnings: [] };
  } catch (error) {
    if (!(error instanceof PolicyDirectoryInvalid)) throw error;
    return { problems: [{ message: `The policy is refused: ${error.message}.` }], warnings: [] };
  }
}

/** Leaves nothing behind. */
class NoCache extends ModuleCache {
  get(): Promise<null> {
    return Promise.resolve(null);
  }

  put(): Promise<void> {
    return Promise.resolve();
  }
}

async function diagnosticsOf(source: PolicySource): Promise<readonly Diagnostic[]> {
  const compiler = new NodePolicyCompiler();
  const evaluator = new WorkerPool();
  try {
    const gates = new PreparePolicy(compiler, '', (policy) => runPolicyTests(compiler, policy), new NoCache(), evaluator);
    const prepared = await gates.prepare(source);
    return prepared.ok ? [] : prepared.diagnostics;
  } finally {
    await Promise.all([compiler.close(), evaluator.close()]);
  }
}

function problemOf({ code, message, file, row, column }: Diagnostic, directory: string): Problem {
  return {
    message: `${code}: ${message}`,
    ...(file === undefined ? {} : { file: path.join(directory, file) }),
    ...(row === undefined ? {} : { line: row }),
    ...(column === undefined ? {} : { column }),
  };
}
