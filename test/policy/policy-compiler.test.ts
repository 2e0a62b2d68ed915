import { jest } from '@jest/globals';
import type { PolicySource } from '../../src/policy/policy-compiler.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';

jest.setTimeout(60_000); // the compiler starts in well under a second on an idle machine

const compiler = new NodePolicyCompiler();
afterAll(() => compiler.close());

function source(files: Record<string, string>, rest: Partial<PolicySource> = {}): PolicySource {
  return { files, data: {}, schemas: {}, ...rest };
}

const inputSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { run: { type: 'object', additionalProperties: false, properties: { id: { type: 'string' } } } },
};

describe('checking', () => {
  it('says which version of OPA it is', async () => {
    expect(await compiler.version()).toEqual({ opa: '1.22.2', go: 'go1.26.8' });
  });

  it('reports the errors of all files, with file, row, column and OPA’s code and message', async () => {
    const files = { 'b.rego': 'package b\n\np if {\n\tx := \n}\n', 'a.rego': 'package a\n\nq = {\n', 'empty.rego': '# nothing\n' };
    const { ok, diagnostics } = await compiler.check(source(files));
    expect(ok).toBe(false);
    expect(new Set(diagnostics.map(({ code }) => code))).toEqual(new Set(['rego_parse_error']));
    expect(new Set(diagnostics.map(({ file, row, column }) => `${file}:${row}:${column}`))).toEqual(
      new Set(['a.rego:4:1', 'b.rego:5:1', 'empty.rego:undefined:undefined']),
    );
    expect(diagnostics).toContainEqual({ code: 'rego_parse_error', message: 'empty module', file: 'empty.rego' });
    expect(diagnostics).toContainEqual(
      expect.objectContaining({ file: 'b.rego', message: expect.stringContaining('unexpected } token') as unknown }),
    );
  });

  it('is strict: an import or a variable that nothing uses is an error', async () => {
    const { diagnostics } = await compiler.check(source({ 'p.rego': 'package p\n\nimport data.x\n\nq if {\n\ty := 1\n}\n' }));
    expect(diagnostics).toEqual([
      { code: 'rego_compile_error', message: 'import data.x unused', file: 'p.rego', row: 3, column: 1, text: 'import' },
      { code: 'rego_compile_error', message: 'assigned var y unused', file: 'p.rego', row: 6, column: 2, text: 'y := 1' },
    ]);
  });

  it('finds what the schema of the input does not have', async () => {
    const files = { 'p.rego': 'package p\n\nq if input.run.idd == "x"\n' };
    expect(await compiler.check(source(files, { schemas: { input: inputSchema } }))).toEqual({
      ok: false,
      diagnostics: [
        expect.objectContaining({
          code: 'rego_type_error',
          message: 'undefined ref: input.run.idd',
          file: 'p.rego',
          row: 3,
          column: 6,
          details: expect.arrayContaining([expect.stringContaining('want (one of): ["id"]')]) as unknown,
        }),
      ],
    });
    expect(await compiler.check(source(files))).toEqual({ ok: true, diagnostics: [] });
  });

  it('lets an annotation give a rule another schema', async () => {
    const action = { type: 'object', additionalProperties: false, properties: { method: { type: 'string' } } };
    const rule = (member: string) => `package p\n\n# METADATA\n# schemas:\n#   - input: schema.action\nq if input.${member} == "x"\n`;
    const schemas = { input: inputSchema, action };
    expect((await compiler.check(source({ 'p.rego': rule('method') }, { schemas }))).ok).toBe(true);
    expect((await compiler.check(source({ 'p.rego': rule('run') }, { schemas }))).ok).toBe(false);
  });

  it('fetches no schema from elsewhere', async () => {
    const schemas = { input: { $ref: 'https://schemas.example/input.json' } };
    const { diagnostics } = await compiler.check(source({ 'p.rego': 'package p\n\nq if input.x\n' }, { schemas }));
    expect(diagnostics.map(({ message }) => message)).toEqual([expect.stringContaining('remote reference loading disabled')]);
  });

  it.each([
    ['Rego v0', 'q { true }', '`if` keyword is required before rule body'],
    ['Rego v2', 'import rego.v2', 'invalid import, `rego.v2` is not supported by current capabilities'],
    ['the network', 'q := http.send({"method": "get", "url": "https://x.example"})', 'undefined function http.send'],
    ['a clock', 'q := time.now_ns()', 'undefined function time.now_ns'],
    ['the environment', 'q := opa.runtime()', 'undefined function opa.runtime'],
    ['what only the SDK implements', 'q := sprintf("%d", [1])', 'undefined function sprintf'],
    ['a deprecated built-in', 'q := any([true])', 'undefined function any'],
  ])('refuses %s', async (_, rule, message) => {
    const { diagnostics } = await compiler.check(source({ 'p.rego': `package p\n\n${rule}\n` }));
    expect(diagnostics[0]).toMatchObject({ message, file: 'p.rego', row: 3 });
  });

  it('refuses a rule where the data has a value', async () => {
    const { diagnostics } = await compiler.check(source({ 'p.rego': 'package p\n\nq := 1\n' }, { data: { p: { q: 2 } } }));
    expect(diagnostics.map(({ message }) => message)).toEqual(['conflicting rule for data path p/q found']);
  });
});

describe('formatting', () => {
  it('writes every file as OPA’s formatter does', async () => {
    const formatted = await compiler.format({ 'p.rego': 'package p\nq   if {  input.x==1 }', 'r.rego': 'package r\n' });
    expect(formatted).toEqual({ ok: true, files: { 'p.rego': 'package p\n\nq if input.x == 1\n', 'r.rego': 'package r\n' } });
  });

  it('formats nothing when one file cannot be read', async () => {
    const formatted = await compiler.format({ 'p.rego': 'package p\n', 'broken.rego': 'package r\n\nq if {' });
    expect(formatted).toEqual({
      ok: false,
      diagnostics: [expect.objectContaining({ file: 'broken.rego', row: 3, column: 6, text: 'q if {' })],
    });
  });
});

describe('compiling', () => {
  it('gives the same bytes for the same source', async () => {
    const files = { 'b.rego': 'package b\n\nq if data.a.p\n', 'a.rego': 'package a\n\np if input.x in {1, 2}\n' };
    const first = await compiler.compile(source(files), ['b/q', 'a/p']);
    const again = await compiler.compile(source(Object.fromEntries(Object.entries(files).reverse())), ['b/q', 'a/p']);
    expect(first.ok && again.ok && Buffer.from(first.module).equals(again.module)).toBe(true);
  });

  it('refuses a source that does not pass the check', async () => {
    const compiled = await compiler.compile(
      source({ 'p.rego': 'package p\n\nq if input.nothing\n' }, { schemas: { input: inputSchema } }),
      ['p/q'],
    );
    expect(compiled).toEqual({ ok: false, diagnostics: [expect.objectContaining({ message: 'undefined ref: input.nothing' })] });
  });

  it.each([
    ['p/missing', 'entrypoint_undefined', 'no rule defines data.p.missing'],
    ['', 'entrypoint_invalid', '"" is no entrypoint: use <package>/<rule>'],
  ])('refuses the entrypoint %j', async (entrypoint, code, message) => {
    const compiled = await compiler.compile(source({ 'p.rego': 'package p\n\nq := 1\n' }), [entrypoint]);
    expect(compiled).toEqual({ ok: false, diagnostics: [{ code, message }] });
  });

  it.each([
    [true, 'q if input.run.counters.tokens < 3'],
    [true, 'q if data.helper.fresh'],
    [true, 'q if { some key; input.workflow[key] == 1 }'],
    [true, 'q if object.get(input, ["run", "counters"], {}) == {}'],
    [false, 'q if input.run.id == "x"'],
    [false, 'q if input.workflow.labels[input.request.resource] == "x"'],
    [false, 'q if { input.run.id == "x"; print(input) }'],
  ])('tells that it is %s that the decision can read history: %s', async (reads, rule) => {
    const files = { 'p.rego': `package p\n\n${rule}\n`, 'helper.rego': 'package helper\n\nfresh if input.workflow.counters.tokens < 3\n' };
    expect(await compiler.compile(source(files), ['p/q'])).toMatchObject({ ok: true, readsCounters: { 'p/q': reads } });
  });

  it('tells it for each entrypoint by itself', async () => {
    const files = { 'p.rego': 'package p\n\nq := 1\n\nr := input.run.counters.tokens\n' };
    expect(await compiler.compile(source(files), ['p/q', 'p/r'])).toMatchObject({ readsCounters: { 'p/q': false, 'p/r': true } });
  });
});

describe('evaluating', () => {
  const files = { 'p.rego': 'package p\n\nq := data.limits[input.kind] if print("kind", input.kind)\n' };
  const data = { limits: { short: 300 } };

  it('answers from input and data, with what was printed and why', async () => {
    const answer = await compiler.evaluate(source(files, { data }), { entrypoint: 'p/q', input: { kind: 'short' }, explain: true });
    expect(answer).toEqual({
      ok: true,
      defined: true,
      value: 300,
      printed: 'kind short\n',
      trace: expect.stringContaining('p.rego:3') as unknown,
    });
  });

  it('tells undefined from every value', async () => {
    const answer = await compiler.evaluate(source(files, { data }), { entrypoint: 'p/q', input: { kind: 'long' } });
    expect(answer).toMatchObject({ ok: true, defined: false });
  });

  it('reports where an evaluation failed', async () => {
    const conflict = { 'p.rego': 'package p\n\nq := 1 if input.a\n\nq := 2 if input.b\n' };
    const answer = await compiler.evaluate(source(conflict), { entrypoint: 'p/q', input: { a: true, b: true } });
    expect(answer).toMatchObject({ ok: false, diagnostics: [{ code: 'eval_conflict_error', file: 'p.rego' }] });
  });
});
