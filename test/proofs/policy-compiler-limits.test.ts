import { jest } from '@jest/globals';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PolicyCompilerFailed, type PolicySource } from '../../src/policy/policy-compiler.js';
import { policyCompilerFolder } from '../../src/platform/policy-compiler/artefact.js';
import { NodePolicyCompiler, type PolicyCompilerLimits } from '../../src/platform/policy-compiler/node-policy-compiler.js';

jest.setTimeout(60_000); // the compiler starts in well under a second on an idle machine

const opened: NodePolicyCompiler[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((compiler) => compiler.close()));
});

function withLimits(limits: Partial<PolicyCompilerLimits>, folder?: string): NodePolicyCompiler {
  const compiler = new NodePolicyCompiler({ limits, ...(folder === undefined ? {} : { folder }) });
  opened.push(compiler);
  return compiler;
}

const oneFile = (rules: string): PolicySource => ({ files: { 'p.rego': `package p\n\n${rules}\n` }, data: {}, schemas: {} });
const simple = oneFile('q := 1');
const pairs = 'q := count([[x, y] | some x in numbers.range(1, 4000); some y in numbers.range(1, 4000)])';
const failure = (code: string): unknown => expect.objectContaining({ name: 'PolicyCompilerFailed', code });

describe('a policy that takes too long', () => {
  it('is ended in the interpreter, with a diagnostic', async () => {
    const compiler = withLimits({ testMilliseconds: 200 });
    const answer = await compiler.evaluate(oneFile(pairs), { entrypoint: 'p/q', input: {} });
    expect(answer).toMatchObject({ ok: false, diagnostics: [{ code: 'eval_cancel_error', message: 'took longer than 200 ms' }] });
  });

  it('ends the process when nothing else ends it, and the next job has a new one', async () => {
    const compiler = withLimits({ testMilliseconds: 60_000, jobMilliseconds: 5_000 });
    const endless = compiler.evaluate(oneFile(pairs), { entrypoint: 'p/q', input: {} });
    const next = compiler.check(simple);
    await expect(endless).rejects.toEqual(failure('timeout'));
    expect(await next).toEqual({ ok: true, diagnostics: [] });
  });
});

describe('a policy that takes too much', () => {
  it('of memory ends the process, and the next job has a new one', async () => {
    const compiler = withLimits({ memoryMiB: 64, testMilliseconds: 60_000, jobMilliseconds: 30_000 });
    const hungry = compiler.evaluate(oneFile(pairs), { entrypoint: 'p/q', input: {} });
    await expect(hungry).rejects.toEqual(failure('crash'));
    await expect(hungry).rejects.toThrow('out of memory');
    expect(await compiler.check(simple)).toEqual({ ok: true, diagnostics: [] });
  });

  it('of space is not sent at all', async () => {
    const compiler = withLimits({ requestBytes: 10_000 });
    await expect(compiler.check(oneFile(`q := "${'x'.repeat(10_000)}"`))).rejects.toEqual(failure('too_large'));
    expect(await compiler.check(simple)).toEqual({ ok: true, diagnostics: [] });
  });

  it('of depth is refused', async () => {
    const compiler = withLimits({});
    const deep = compiler.check(oneFile(`q := ${'['.repeat(200_000)}${']'.repeat(200_000)}`));
    const refused = await deep.catch((error: unknown) => error);
    if (refused instanceof PolicyCompilerFailed) expect(refused).toEqual(failure('crash'));
    else expect(refused).toMatchObject({ ok: false, diagnostics: [{ message: 'max parsing recursion depth exceeded' }, {}] });
  });
});

describe('jobs', () => {
  it('wait for one another, and only so many of them', async () => {
    const compiler = withLimits({ waitingJobs: 1 });
    const jobs = [compiler.check(simple), compiler.check(simple), compiler.check(simple)];
    expect(await Promise.allSettled(jobs)).toEqual([
      { status: 'fulfilled', value: { ok: true, diagnostics: [] } },
      { status: 'fulfilled', value: { ok: true, diagnostics: [] } },
      { status: 'rejected', reason: failure('overloaded') },
    ]);
    expect(await compiler.check(simple)).toEqual({ ok: true, diagnostics: [] });
  });

  it('end when the compiler is closed, and none begins after', async () => {
    const compiler = withLimits({ testMilliseconds: 60_000, jobMilliseconds: 60_000 });
    const running = compiler.evaluate(oneFile(pairs), { entrypoint: 'p/q', input: {} });
    const waiting = compiler.check(simple);
    const settled = Promise.allSettled([running, waiting]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await compiler.close();
    expect(await settled).toEqual([
      { status: 'rejected', reason: failure('closed') },
      { status: 'rejected', reason: failure('closed') },
    ]);
    await expect(compiler.check(simple)).rejects.toEqual(failure('closed'));
  });

  it('leave a warm process behind that keeps nobody alive', async () => {
    const holding = () => process.getActiveResourcesInfo().filter((resource) => /Process|Pipe/.test(resource)).length;
    // what the tests before this one have ended goes by and by
    let before = -1;
    while (before !== holding()) {
      before = holding();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const compiler = withLimits({});
    let most = before;
    const looking = setInterval(() => (most = Math.max(most, holding())), 1);
    await compiler.check(simple);
    clearInterval(looking);
    expect(most).toBeGreaterThan(before);
    expect(holding()).toBeLessThanOrEqual(before);
  });
});

describe('the artefact', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'corridor-compiler-'));
    await symlink(join(policyCompilerFolder(), 'host'), join(folder, 'host'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is refused when it is not the one of the manifest', async () => {
    const manifest = await readFile(join(policyCompilerFolder(), 'manifest.json'), 'utf8');
    await writeFile(join(folder, 'manifest.json'), manifest.replace(/"sha256": "[0-9a-f]{4}/, '"sha256": "0000'));
    await copyFile(join(policyCompilerFolder(), 'policy-compiler.wasm.br'), join(folder, 'policy-compiler.wasm.br'));
    const checked = withLimits({}, folder).check(simple);
    await expect(checked).rejects.toEqual(failure('broken_artefact'));
    await expect(checked).rejects.toThrow('the manifest says 0000');
  });

  it('is refused when it is damaged, or larger than the manifest says', async () => {
    const manifest = await readFile(join(policyCompilerFolder(), 'manifest.json'), 'utf8');
    await writeFile(join(folder, 'manifest.json'), manifest);
    await writeFile(join(folder, 'policy-compiler.wasm.br'), 'nothing of the kind');
    await expect(withLimits({}, folder).check(simple)).rejects.toEqual(failure('broken_artefact'));
    await writeFile(join(folder, 'manifest.json'), manifest.replace(/"bytes": \d+/, '"bytes": 1000'));
    await copyFile(join(policyCompilerFolder(), 'policy-compiler.wasm.br'), join(folder, 'policy-compiler.wasm.br'));
    await expect(withLimits({}, folder).check(simple)).rejects.toEqual(failure('broken_artefact'));
  });

  it('is refused when it is not there', async () => {
    await expect(withLimits({}, folder).check(simple)).rejects.toEqual(failure('broken_artefact'));
  });
});
