import { jest } from '@jest/globals';
import type { PolicySource } from '../../src/policy/policy-compiler.js';
import { NodePolicyCompiler } from '../../src/platform/policy-compiler/node-policy-compiler.js';
import { type PolicyTestRun, runPolicyTests } from '../../src/platform/policy-compiler/run-tests.js';

jest.setTimeout(60_000); // the compiler starts in well under a second on an idle machine

const compiler = new NodePolicyCompiler({ limits: { testMilliseconds: 1_000 } });
afterAll(() => compiler.close());

const policy = `package limits

allow if input.amount < 100

allow if data.friends[input.name]

deny if input.amount == -1
`;

const run = (tests: string, rest: Partial<PolicySource> = {}) =>
  runPolicyTests(compiler, {
    files: { 'limits.rego': policy, 'limits_test.rego': `package limits_test\n\n${tests}\n` },
    data: {},
    schemas: {},
    ...rest,
  });

function verdicts(result: PolicyTestRun): unknown {
  return result.ok ? result.tests.map(({ name, interpreter, module }) => [name, interpreter, module]) : result;
}

describe('the tests of a policy', () => {
  it('pass in the interpreter and in the module', async () => {
    const result = await run(
      [
        'import data.limits',
        'test_small_amount if limits.allow with input as {"amount": 1}',
        'test_friend if limits.allow with input as {"name": "ada", "amount": 500} with data.friends as {"ada": true}',
        'test_friend_of_the_data if limits.allow with input as {"name": "bob", "amount": 500}',
        'test_stranger if not limits.allow with input as {"name": "eve", "amount": 500}',
      ].join('\n\n'),
      { data: { friends: { bob: true } } },
    );
    expect(verdicts(result)).toEqual([
      ['test_small_amount', 'pass', 'pass'],
      ['test_friend', 'pass', 'pass'],
      ['test_friend_of_the_data', 'pass', 'pass'],
      ['test_stranger', 'pass', 'pass'],
    ]);
    expect(result).toMatchObject({ ok: true, passed: true });
  });

  it('fail in both, with their place and what they printed', async () => {
    const result = await run('test_wrong if {\n\tprint("amount", 500)\n\tdata.limits.allow with input as {"amount": 500}\n}');
    expect(result).toMatchObject({
      ok: true,
      passed: false,
      tests: [
        {
          package: 'data.limits_test',
          name: 'test_wrong',
          file: 'limits_test.rego',
          row: 3,
          interpreter: 'fail',
          module: 'fail',
          output: 'amount 500\n',
        },
      ],
    });
  });

  it('have a name each, also when two rules share one', async () => {
    const result = await run('test_same if true\n\ntest_same if false\n\ntest_same if true');
    expect(verdicts(result)).toEqual([
      ['test_same', 'pass', 'pass'],
      ['test_same#01', 'fail', 'fail'],
      ['test_same#02', 'pass', 'pass'],
    ]);
  });

  it('can have cases, all of which must hold', async () => {
    const cases = (name: string, bound: number) =>
      `${name}[title] if {\n\tsome title, amount in {"one": 1, "two": 2}\n\tdata.limits.allow with input as {"amount": amount}\n\tamount < ${bound}\n}`;
    const result = await run(`${cases('test_all_hold', 3)}\n\n${cases('test_one_does_not', 2)}`);
    expect(verdicts(result)).toEqual([
      ['test_all_hold', 'pass', 'pass'],
      ['test_one_does_not', 'fail', 'fail'],
    ]);
  });

  it('are passed over when they are still to do', async () => {
    const result = await run('todo_test_later if false\n\ntest_now if true');
    expect(verdicts(result)).toEqual([
      ['todo_test_later', 'skip', 'skip'],
      ['test_now', 'pass', 'pass'],
    ]);
    expect(result).toMatchObject({ passed: true });
  });

  it('do not pass when there are none', async () => {
    expect(await run('helper := 1')).toMatchObject({ ok: true, passed: false, tests: [] });
  });

  it('that take too long are errors by name, and spare the others', async () => {
    const endless = 'some x in numbers.range(1, 3000); some y in numbers.range(1, 3000); some z in numbers.range(1, 3000); x + y + z == -1';
    const result = await run(`test_endless if { ${endless} }\n\ntest_short if true`);
    expect(result).toMatchObject({
      passed: false,
      tests: [
        { name: 'test_endless', interpreter: 'error', module: 'error', error: 'took longer than 1000 ms' },
        { name: 'test_short', interpreter: 'pass', module: 'pass' },
      ],
    });
  });

  it('do not pass when the module answers otherwise than the interpreter', async () => {
    const result = await run('test_order if concat(",", {"b", "a"}) == "a,b"'); // the module does not sort a set
    expect(verdicts(result)).toEqual([['test_order', 'pass', 'fail']]);
    expect(result).toMatchObject({ passed: false, tests: [{ error: 'in the module it is undefined' }] });
  });

  it('that come to no end in the module are errors by name, and end its run', async () => {
    const result = await run('test_before if true\n\ntest_endless if replace("a", "", "b") != ""\n\ntest_after if true');
    expect(result).toMatchObject({
      passed: false,
      tests: [
        { name: 'test_before', interpreter: 'pass', module: 'pass' },
        { name: 'test_endless', interpreter: 'pass', module: 'error', error: 'in the module: took longer than 1000 ms' },
        {
          name: 'test_after',
          interpreter: 'pass',
          module: 'error',
          error: expect.stringContaining('limits_test/test_endless did not') as unknown,
        },
      ],
    });
    expect(await run('test_again if true')).toMatchObject({ ok: true, passed: true });
  });

  it('tell which rows of the policy they reach, and leave their own out', async () => {
    const result = await run('test_small if data.limits.allow with input as {"amount": 1}');
    expect(result).toMatchObject({
      coverage: {
        percent: 33.33,
        files: {
          'limits.rego': {
            percent: 33.33,
            uncovered: [
              { from: 5, to: 5 },
              { from: 7, to: 7 },
            ],
          },
        },
      },
    });
    expect(result.ok && Object.keys(result.coverage.files)).toEqual(['limits.rego']);
  });

  it('do not run when the source is not accepted', async () => {
    expect(await run('test_unsafe if x == 1')).toEqual({
      ok: false,
      diagnostics: [expect.objectContaining({ code: 'rego_unsafe_var_error', file: 'limits_test.rego', row: 3 })],
    });
  });
});
