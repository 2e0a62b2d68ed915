import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { WorkerPool } from '../../src/platform/evaluation/worker-pool.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';
import { type PolicyTestRun, runPolicyTests } from '../../src/platform/policy-compiler/run-tests.js';
import { readPolicyDirectory } from '../../src/platform/policy-directory.js';
import { Decide, tokenEntrypoint } from '../../src/policy/decide.js';
import type { Decision } from '../../src/policy/decision.js';
import type { PolicyInput } from '../../src/policy/input.js';
import { revisionOf } from '../../src/policy/revision.js';
import { exampleInput, inputWith } from './example-input.js';

jest.setTimeout(60_000); // the compiler starts slowly on a busy machine

const directory = join(import.meta.dirname, '../../policies');

describe('the starter policy', () => {
  const compiler = new NodePolicyCompiler();
  const pool = new WorkerPool({ deadline: 5000, patience: 30_000 });
  const decide = new Decide(pool, { now: () => 0 }, { bytes: (length) => randomBytes(length) });
  let revision: string;
  let tests: PolicyTestRun;

  beforeAll(async () => {
    const source = await readPolicyDirectory(directory);
    revision = revisionOf(source);
    expect(await compiler.check(source)).toEqual({ ok: true, diagnostics: [] });
    tests = await runPolicyTests(compiler, source);
    const compiled = await compiler.compile(source, [tokenEntrypoint]);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    await pool.load(revision, { ...compiled, data: source.data });
  });

  afterAll(async () => {
    await Promise.all([pool.close(), compiler.close()]);
  });

  async function decisionOn(input: PolicyInput): Promise<Decision> {
    return (await decide.decide({ revision, inputs: [input], key: null })).decision;
  }

  it('passes its own tests in the interpreter and in the module, and they run through every row', () => {
    if (!tests.ok) throw new Error(JSON.stringify(tests.diagnostics));
    expect(tests.tests.filter((test) => test.interpreter !== 'pass' || test.module !== 'pass')).toEqual([]);
    expect(tests.tests.length).toBeGreaterThanOrEqual(35);
    expect(tests.coverage.percent).toBe(100);
  });

  it('is written as the formatter writes it', async () => {
    const { files } = await readPolicyDirectory(directory);
    expect(await compiler.format(files)).toEqual({ ok: true, files });
  });

  it('grants what the first grant of data.json says', async () => {
    expect(await decisionOn(exampleInput)).toMatchObject({
      allow: true,
      reasons: [{ code: 'granted' }],
      obligations: { scopes: ['crm:read'], max_ttl: 300, isolation: 'run' },
      repeatable: true,
    });
  });

  it('does so at any hour of any day', async () => {
    const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
    for (const weekday of weekdays) {
      for (let hour = 0; hour < 24; hour++) {
        expect((await decisionOn({ ...exampleInput, now: { ...exampleInput.now, weekday, hour } })).allow).toBe(true);
      }
    }
  });

  it('is checked with the details of the input, and denies those that no grant names', async () => {
    const source = await readPolicyDirectory(directory);
    const rule = (member: string) => ({
      ...source,
      files: { ...source.files, 'more.rego': `package more\n\np if input.request.${member}[0].type == "x"\n` },
    });
    expect(await compiler.check(rule('authorization_details'))).toEqual({ ok: true, diagnostics: [] });
    expect((await compiler.check(rule('authorisation_details'))).ok).toBe(false);
    expect(await decisionOn(inputWith({ details: [{ type: 'crm_export', actions: ['read'] }] }))).toMatchObject({
      allow: false,
      failure: false,
      reasons: [{ code: 'details_not_granted', type: 'crm_export' }],
    });
  });

  it('denies what no grant says, and says why', async () => {
    expect(await decisionOn(inputWith({ scopes: ['crm:read', 'crm:write'] }))).toMatchObject({
      allow: false,
      failure: false,
      reasons: [{ code: 'scope_not_granted', scope: 'crm:write' }],
      obligations: {},
    });
    const elsewhere = { ...exampleInput, resource: { ...exampleInput.resource, id: 'billing', uri: 'https://billing.example/api' } };
    expect(await decisionOn(elsewhere)).toMatchObject({ allow: false, reasons: [{ code: 'no_grant' }] });
  });
});
