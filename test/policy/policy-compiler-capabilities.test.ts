import { jest } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { policyCompilerFolder } from '../../src/platform/policy-compiler/artefact.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';

jest.setTimeout(60_000); // the compiler starts in well under a second on an idle machine

/** One use of every built-in that a policy may call, by its name in capabilities.json. */
const examples: Record<string, string> = {
  abs: 'abs(-3)',
  and: '{1, 2} & {2, 3}',
  'array.concat': 'array.concat([1], [2])',
  'array.flatten': 'array.flatten([1, [2, [3]]])',
  'array.reverse': 'array.reverse([1, 2])',
  'array.slice': 'array.slice([1, 2, 3], 1, 2)',
  assign: '{y | y := 1}',
  'base64.decode': 'base64.decode("aGk=")',
  'base64.encode': 'base64.encode("hi?")',
  'base64.is_valid': 'base64.is_valid("a?")',
  'base64url.decode': 'base64url.decode("_-8=")',
  'base64url.encode': 'base64url.encode("hi?")',
  'bits.and': 'bits.and(6, 3)',
  'bits.lsh': 'bits.lsh(1, 4)',
  'bits.negate': 'bits.negate(6)',
  'bits.or': 'bits.or(6, 3)',
  'bits.rsh': 'bits.rsh(16, 2)',
  'bits.xor': 'bits.xor(6, 3)',
  ceil: 'ceil(1.2)',
  concat: 'concat(" ", ["crm:read", "crm:write"])',
  contains: 'contains("crm:read", "m:r")',
  count: 'count("größe")',
  div: '7 / 2',
  endswith: 'endswith("crm:read", ":read")',
  eq: '{y | y = 1}',
  equal: '1 == 1.0',
  floor: 'floor(1.8)',
  format_int: 'format_int(255, 16)',
  'glob.match': 'glob.match("api.*.com", ["."], "api.crm.com")',
  'graph.reachable': 'sort(graph.reachable({"a": ["b"], "b": [], "c": []}, {"a"}))',
  gt: '2 > 1',
  gte: '1 >= 1',
  indexof: 'indexof("crm:read", ":")',
  'internal.member_2': '1 in [1]',
  'internal.member_3': '"a", 1 in {"a": 1}',
  'internal.template_string': '$"scope {data.scope}"',
  intersection: 'intersection({{1, 2}, {2, 3}})',
  is_array: 'is_array([])',
  is_boolean: 'is_boolean(true)',
  is_null: 'is_null(null)',
  is_number: 'is_number(1)',
  is_object: 'is_object({})',
  is_set: 'is_set(set())',
  is_string: 'is_string("")',
  'json.filter': 'json.filter({"a": {"b": 1, "c": 2}}, ["a/b"])',
  'json.is_valid': 'json.is_valid("{]")',
  'json.marshal': 'json.marshal({"a": [1, "x", null]})',
  'json.remove': 'json.remove({"a": {"b": 1, "c": 2}}, ["a/b"])',
  'json.unmarshal': 'json.unmarshal("{\\"a\\": [1.5]}")',
  lower: 'lower("ADA")',
  lt: '1 < 2',
  lte: '1 <= 1',
  max: 'max([1, 3, 2])',
  min: 'min({3, 1, 2})',
  minus: '{1, 2} - {2}',
  mul: '3 * 1.5',
  neq: '1 != 2',
  'net.cidr_contains': 'net.cidr_contains("10.0.0.0/8", "10.1.2.3")',
  'net.cidr_intersects': 'net.cidr_intersects("10.0.0.0/8", "10.1.0.0/16")',
  'numbers.range': 'numbers.range(1, 3)',
  'object.filter': 'object.filter({"a": 1, "b": 2}, {"a"})',
  'object.get': 'object.get({"a": {"b": 1}}, ["a", "x"], 0)',
  'object.keys': 'object.keys({"a": 1})',
  'object.remove': 'object.remove({"a": 1, "b": 2}, {"a"})',
  'object.union': 'object.union({"a": {"b": 1}}, {"a": {"c": 2}})',
  'object.union_n': 'object.union_n([{"a": 1}, {"b": 2}])',
  or: '{1} | {2}',
  plus: '0.1 + 0.2',
  product: 'product([2, 3])',
  'regex.find_all_string_submatch_n': 'regex.find_all_string_submatch_n("(a)(b*)", "abb-a", -1)',
  'regex.is_valid': 'regex.is_valid("(")',
  'regex.match': 'regex.match(`^crm:(read|write)$`, "crm:read")',
  rem: '7 % 3',
  replace: 'replace("a.b.c", ".", "/")',
  round: 'round(2.5)',
  sort: 'sort([3, "a", 1])',
  split: 'split("crm:read", ":")',
  startswith: 'startswith("crm:read", "crm:")',
  'strings.replace_n': 'strings.replace_n({"a": "1", "b": "2"}, "abc")',
  'strings.reverse': 'strings.reverse("abc")',
  substring: 'substring("crm:read", 4, -1)',
  sum: 'sum([1, 2.5])',
  to_number: 'to_number("1.5")',
  trim: 'trim("--a--", "-")',
  trim_left: 'trim_left("--a--", "-")',
  trim_prefix: 'trim_prefix("crm:read", "crm:")',
  trim_right: 'trim_right("--a--", "-")',
  trim_space: 'trim_space(" a\\n")',
  trim_suffix: 'trim_suffix("crm:read", ":read")',
  type_name: 'type_name({1})',
  union: 'union({{1}, {2}})',
  upper: 'upper("ada")',
  walk: '[path | walk({"a": [1]}, [path, 1])]',
};

const compiler = new NodePolicyCompiler();
afterAll(() => compiler.close());

const capabilities = z.object({ allow_net: z.array(z.string()), builtins: z.array(z.object({ name: z.string() })) });

describe('the capabilities of a policy', () => {
  it('have an example here for each built-in, and allow no host to be asked', async () => {
    const { allow_net, builtins } = capabilities.parse(
      JSON.parse(await readFile(join(policyCompilerFolder(), 'capabilities.json'), 'utf8')),
    );
    expect(allow_net).toEqual([]);
    expect(Object.keys(examples)).toEqual(builtins.map(({ name }) => name));
  });

  it('are the same in the module as in the interpreter, and ask nothing of the module’s host', async () => {
    const rules = Object.values(examples).map((example, index) => `example_${index} := ${example}`);
    const source = { files: { 'p.rego': `package p\n\n${rules.join('\n\n')}\n` }, data: { scope: 'crm:read' }, schemas: {} };
    const entrypoints = rules.map((_, index) => `p/example_${index}`);
    const compiled = await compiler.compile(source, entrypoints);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    expect(hostBuiltIns(compiled.module)).toEqual({});

    const interpreted = await compiler.evaluate(source, { entrypoint: 'p', input: {} });
    const answered = await compiler.evaluateModule(compiled.module, source.data, entrypoints);
    expect(interpreted).toMatchObject({ ok: true });
    const expected = z.record(z.string(), z.unknown()).parse(interpreted.ok ? interpreted.value : undefined);
    expect(Object.fromEntries(Object.keys(examples).map((name, index) => [name, answered[`p/example_${index}`]]))).toEqual(
      Object.fromEntries(Object.keys(examples).map((name, index) => [name, { kind: 'value', value: expected[`example_${index}`] }])),
    );
  });
});

/** What the module would call in its host, by OPA's ABI: a JSON object of names and numbers. */
function hostBuiltIns(bytes: Uint8Array): unknown {
  const memory = new WebAssembly.Memory({ initial: 64 });
  const refuse = () => {
    throw new Error('the module called its host');
  };
  const calls = ['opa_abort', 'opa_println', 'opa_builtin0', 'opa_builtin1', 'opa_builtin2', 'opa_builtin3', 'opa_builtin4'];
  const env = { memory, ...Object.fromEntries(calls.map((name) => [name, refuse])) };
  const { builtins, opa_json_dump } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { env }).exports;
  if (typeof builtins !== 'function' || typeof opa_json_dump !== 'function') throw new Error('the module is not of OPA’s ABI');
  const at = z.number().parse(Reflect.apply(opa_json_dump, undefined, [Reflect.apply(builtins, undefined, [])]));
  const text = new Uint8Array(memory.buffer, at);
  return JSON.parse(Buffer.from(text.subarray(0, text.indexOf(0))).toString());
}
