import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { readManifest } from '../../src/platform/policy-compiler/artefact.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';
import { ModuleDirectory } from '../../src/platform/evaluation/module-cache.js';
import { tokenEntrypoint } from '../../src/policy/decide.js';
import type { CompiledPolicy } from '../../src/policy/evaluator.js';
import { revisionOf } from '../../src/policy/revision.js';

const root = join(import.meta.dirname, '../..');
const cache = new ModuleDirectory(join(root, 'node_modules/.cache/corridor/policies'));

/** A policy of the package corridor.token with these rules, compiled by the real compiler; kept from one run to the next. */
export async function compiledPolicy(rules: string, data: Record<string, unknown> = {}): Promise<CompiledPolicy> {
  const source = { files: { 'token.rego': `package corridor.token\n\n${rules}\n` }, data, schemas: {} };
  const { sha256 } = await readManifest(join(root, 'policy-compiler'));
  const key = createHash('sha256')
    .update(`${sha256} ${revisionOf(source)}`)
    .digest('hex');
  const kept = await cache.get(key);
  if (kept !== null) return { ...kept, data };

  const compiler = new NodePolicyCompiler();
  try {
    const compiled = await compiler.compile(source, [tokenEntrypoint]);
    if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('\n'));
    const { module, readsCounters } = compiled;
    await cache.put(key, { module, readsCounters });
    return { module, readsCounters, data };
  } finally {
    await compiler.close();
  }
}
