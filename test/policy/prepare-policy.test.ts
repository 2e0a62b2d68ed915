import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ModuleDirectory } from '../../src/platform/evaluation/module-cache.js';
import { WorkerPool } from '../../src/platform/evaluation/worker-pool.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';
import { runPolicyTests } from '../../src/platform/policy-compiler/run-tests.js';
import { tokenEntrypoint } from '../../src/policy/decide.js';
import type { PolicySource } from '../../src/policy/policy-compiler.js';
import { PreparePolicy } from '../../src/policy/prepare-policy.js';
import { revisionOf } from '../../src/policy/revision.js';

jest.setTimeout(60_000); // the compiler starts slowly on a busy machine

const allows = 'package corridor.token\n\ndecision := {"allow": true}\n';
const passes = 'package corridor.token_test\n\nimport data.corridor.token\n\ntest_allows if token.decision.allow\n';

function source(files: Record<string, string>, more: Partial<PolicySource> = {}): PolicySource {
  return { files, data: {}, schemas: {}, ...more };
}

describe('a policy on its way to being used', () => {
  let directory: string;
  let prepare: PreparePolicy;
  const pool = new WorkerPool({ deadline: 5000, patience: 30_000 });
  const compiler = new NodePolicyCompiler();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'corridor-prepare-'));
    prepare = preparation('c1');
  });

  afterAll(async () => {
    await Promise.all([pool.close(), compiler.close(), rm(directory, { recursive: true, force: true })]);
  });

  function preparation(compilerDigest: string, evaluator = pool, by = compiler): PreparePolicy {
    return new PreparePolicy(by, compilerDigest, (policy) => runPolicyTests(by, policy), new ModuleDirectory(directory), evaluator);
  }

  it('is checked, tested, compiled and loaded under its digest', async () => {
    const policy = source({ 'token.rego': allows, 'token_test.rego': passes });
    expect(await prepare.prepare(policy)).toEqual({ ok: true, revision: revisionOf(policy), tests: 1 });
    const result = await pool.evaluate(revisionOf(policy), tokenEntrypoint, '{}');
    expect(result).toEqual({ kind: 'value', value: { allow: true } });
  });

  it('needs no tests', async () => {
    expect(await prepare.prepare(source({ 'token.rego': allows }))).toMatchObject({ ok: true, tests: 0 });
  });

  it('comes from the cache the next time, without any compiler', async () => {
    const policy = source({ 'token.rego': allows, 'token_test.rego': passes }, { data: { cached: true } });
    await prepare.prepare(policy);
    const closed = new NodePolicyCompiler();
    await closed.close();
    const fresh = new WorkerPool({ deadline: 5000, patience: 30_000 });
    try {
      expect(await preparation('c1', fresh, closed).prepare(policy)).toEqual({ ok: true, revision: revisionOf(policy), tests: null });
      expect(await fresh.evaluate(revisionOf(policy), tokenEntrypoint, '{}')).toMatchObject({ kind: 'value' });
      await expect(preparation('c2', fresh, closed).prepare(policy)).rejects.toMatchObject({ code: 'closed' });
    } finally {
      await fresh.close();
    }
  });

  it('tells whether its answer can rest on counters', async () => {
    const policy = source({ 'token.rego': 'package corridor.token\n\ndecision := {"allow": true} if input.run.counters.tokens < 3\n' });
    await prepare.prepare(policy);
    expect(pool.readsCounters(revisionOf(policy), tokenEntrypoint)).toBe(true);
    expect(pool.readsCounters(revisionOf(source({ 'token.rego': allows })), tokenEntrypoint)).toBe(false);
  });

  it.each<[string, PolicySource, object]>([
    [
      'does not parse',
      source({ 'token.rego': 'package corridor.token\n\ndecision := {\n' }),
      { code: 'rego_parse_error', file: 'token.rego' },
    ],
    [
      'mistypes the input',
      source(
        { 'token.rego': 'package corridor.token\n\ndecision := {"allow": input.rnu == 1}\n' },
        {
          schemas: { input: { type: 'object', properties: { run: { type: 'object' } }, additionalProperties: false } },
        },
      ),
      { code: 'rego_type_error', file: 'token.rego', row: 3 },
    ],
    ['has no entrypoint', source({ 'token.rego': 'package corridor.token\n\ndecide := true\n' }), { code: 'entrypoint_undefined' }],
    [
      'fails a test',
      source({ 'token.rego': allows, 'token_test.rego': passes.replace('if token', 'if not token') }),
      { code: 'test_failed', file: 'token_test.rego', row: 5 },
    ],
    [
      'uses what a module does not have',
      source({ 'token.rego': 'package corridor.token\n\ndecision := {"allow": time.now_ns() > 0}\n' }),
      { code: 'rego_type_error', file: 'token.rego' },
    ],
  ])('is refused, aloud, when it %s, and nothing is loaded', async (_, policy, diagnostic) => {
    const prepared = await prepare.prepare(policy);
    expect(prepared).toMatchObject({ ok: false, diagnostics: expect.arrayContaining([expect.objectContaining(diagnostic)]) });
    expect(await pool.evaluate(revisionOf(policy), tokenEntrypoint, '{}')).toEqual({ kind: 'not_loaded' });
  });
});
