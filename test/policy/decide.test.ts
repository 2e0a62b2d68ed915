import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import { Decide } from '../../src/policy/decide.js';
import type { EvaluationResult } from '../../src/policy/evaluator.js';
import type { PolicyInput } from '../../src/policy/input.js';
import { exampleInput, inputWith } from './example-input.js';
import { ScriptedEvaluator, value } from './scripted-evaluator.js';

const revision = 'sha256:ab';
const q = { minute: 7, text: 'q' };

function decideBy(script: (input: PolicyInput) => EvaluationResult | Promise<EvaluationResult>) {
  const evaluator = new ScriptedEvaluator(script);
  return { evaluator, decide: new Decide(evaluator, { now: () => 1_772_543_100_000 }, { bytes: (length) => randomBytes(length) }) };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const allow = (obligations: object = {}): EvaluationResult => value({ allow: true, reasons: [{ code: 'granted' }], obligations });
const deny = (code: string): EvaluationResult => value({ allow: false, reasons: [{ code }] });

describe('a decision', () => {
  it('carries the policy, its word and the digest of the canonical input', async () => {
    const { decide } = decideBy(() => allow({ max_ttl: 300 }));
    const { decision, freshInput } = await decide.decide({ revision, inputs: [exampleInput], key: null });
    expect(freshInput).toBe(canonicalize(exampleInput));
    expect(decision).toEqual({
      id: expect.stringMatching(/^dec[0-9a-z]{26}$/),
      by: 'policy',
      revision,
      inputSha256: sha256(freshInput ?? ''),
      allow: true,
      reasons: [{ code: 'granted' }],
      obligations: { max_ttl: 300 },
      failure: false,
      repeatable: true,
    });
  });

  it('may decide fewer scopes than asked, never others', async () => {
    const input = inputWith({ scopes: ['crm:list', 'crm:read'] });
    const fewer = await decideBy(() => allow({ scopes: ['crm:read'] })).decide.decide({ revision, inputs: [input], key: null });
    expect(fewer.decision).toMatchObject({ allow: true, obligations: { scopes: ['crm:read'] } });
    const others = await decideBy(() => allow({ scopes: ['crm:read', 'crm:write'] })).decide.decide({
      revision,
      inputs: [input],
      key: null,
    });
    expect(others.decision).toMatchObject({
      allow: false,
      failure: false,
      reasons: [{ code: 'policy_broader_than_asked' }],
      obligations: {},
    });
  });

  it.each<[string, EvaluationResult, object]>([
    ['undefined', { kind: 'undefined' }, { failure: false, reasons: [{ code: 'policy_undefined' }] }],
    ['unreadable', { kind: 'unreadable' }, { failure: false, reasons: [{ code: 'policy_malformed', at: 'decision' }] }],
    ['malformed', value({ allow: 'yes' }), { failure: false, reasons: [{ code: 'policy_malformed', at: 'allow' }] }],
    [
      'bound to what nobody knows',
      allow({ approval: 'boss' }),
      { failure: false, reasons: [{ code: 'policy_unknown_obligation', obligation: 'approval' }] },
    ],
    ['about too large an input', { kind: 'input_refused' }, { failure: false, reasons: [{ code: 'policy_input_refused' }] }],
    ['a no without a reason', value({ allow: false }), { failure: false, reasons: [{ code: 'denied' }] }],
    ['thrown', { kind: 'threw' }, { failure: true, reasons: [{ code: 'policy_error' }] }],
    ['late', { kind: 'timeout' }, { failure: true, reasons: [{ code: 'policy_timeout' }] }],
    ['not in time for its turn', { kind: 'overloaded' }, { failure: true, reasons: [{ code: 'policy_overloaded' }] }],
    ['of no policy', { kind: 'not_loaded' }, { failure: true, reasons: [{ code: 'policy_not_loaded' }] }],
  ])('is a denial with a reason of its own when the answer is %s', async (_, result, denied) => {
    const { decision } = await decideBy(() => result).decide.decide({ revision, inputs: [exampleInput], key: null });
    expect(decision).toMatchObject({ by: 'policy', allow: false, obligations: {}, ...denied });
  });

  it('is a denial while no policy is active', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    const { decision } = await decide.decide({ revision: null, inputs: [exampleInput], key: q });
    expect(decision).toMatchObject({ allow: false, failure: true, revision: null, reasons: [{ code: 'policy_not_loaded' }] });
    expect(evaluator.asked).toEqual([]);
  });
});

describe('a question', () => {
  it('is asked once, and the same decision answers it again', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    const question = { revision, inputs: [exampleInput] as const, key: q };
    const first = await decide.decide(question);
    const second = await decide.decide(question);
    expect(second.decision).toBe(first.decision);
    expect(decide.recall(revision, q)?.decision).toBe(first.decision);
    expect(evaluator.asked).toHaveLength(1);
  });

  it('is asked once when many ask it at the same time', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    const question = { revision, inputs: [exampleInput] as const, key: q };
    const all = await Promise.all(Array.from({ length: 100 }, () => decide.decide(question)));
    expect(new Set(all.map(({ decision }) => decision.id)).size).toBe(1);
    expect(evaluator.asked).toHaveLength(1);
  });

  it('is another one under another key or another policy', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    await decide.decide({ revision, inputs: [exampleInput], key: { minute: 7, text: 'a' } });
    await decide.decide({ revision, inputs: [exampleInput], key: { minute: 7, text: 'b' } });
    await decide.decide({ revision: 'sha256:cd', inputs: [exampleInput], key: { minute: 7, text: 'a' } });
    expect(evaluator.asked).toHaveLength(3);
    expect(decide.recall('sha256:cd', { minute: 7, text: 'b' })).toBeNull();
    expect(decide.recall(null, { minute: 7, text: 'a' })).toBeNull();
  });

  it('is another one in another minute, and forgotten when its own is over', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    const later = { ...q, minute: 8 };
    await decide.decide({ revision, inputs: [exampleInput], key: q });
    expect(decide.recall(revision, later)).toBeNull();
    await decide.decide({ revision, inputs: [exampleInput], key: later });
    expect(evaluator.asked).toHaveLength(2);
    expect(decide.recall(revision, later)).not.toBeNull();
    expect(decide.recall(revision, q)).toBeNull();
    // one that was asked in time and answered late takes nothing away
    await decide.decide({ revision, inputs: [exampleInput], key: { ...q, text: 'late' } });
    decide.inputIsStored(revision, q);
    expect(decide.recall(revision, later)?.freshInput).not.toBeNull();
    // a clock that is set back does not end all remembering
    await decide.decide({ revision, inputs: [exampleInput], key: { ...q, minute: 2 } });
    expect(decide.recall(revision, { ...q, minute: 2 })).not.toBeNull();
  });

  it('comes with its input until that is stored', async () => {
    const { decide } = decideBy(() => deny('no_grant'));
    const question = { revision, inputs: [exampleInput] as const, key: q };
    const { freshInput } = await decide.decide(question);
    expect(decide.recall(revision, q)?.freshInput).toBe(freshInput);
    decide.inputIsStored(revision, q);
    expect(decide.recall(revision, q)).toMatchObject({ freshInput: null, decision: { allow: false } });
    expect((await decide.decide(question)).freshInput).toBeNull();
  });

  it('is asked again after a failure', async () => {
    const results: EvaluationResult[] = [{ kind: 'timeout' }, { kind: 'threw' }, { kind: 'overloaded' }, { kind: 'not_loaded' }];
    const { decide } = decideBy(() => results.shift() ?? allow());
    const question = { revision, inputs: [exampleInput] as const, key: q };
    const allowed: boolean[] = [];
    for (let round = 0; round < 5; round++) allowed.push((await decide.decide(question)).decision.allow);
    expect(allowed).toEqual([false, false, false, false, true]);
  });

  it('is asked every time when the answer can rest on counters', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    evaluator.countersRead = true;
    const question = { revision, inputs: [exampleInput] as const, key: q };
    expect((await decide.decide(question)).decision.repeatable).toBe(false);
    await decide.decide(question);
    expect(evaluator.asked).toHaveLength(2);
    expect(decide.recall(revision, q)).toBeNull();
  });

  it('does not grow the memory without end', async () => {
    const { decide } = decideBy(() => allow());
    for (let n = 0; n < 10_001; n++) {
      await decide.decide({ revision, inputs: [exampleInput], key: { minute: 7, text: String(n) } });
      decide.recall(revision, { minute: 7, text: '0' });
    }
    expect(decide.recall(revision, { minute: 7, text: '0' })).not.toBeNull();
    expect(decide.recall(revision, { minute: 7, text: '1' })).toBeNull();
    expect(decide.recall(revision, { minute: 7, text: '2' })).not.toBeNull();
  });
});

describe('a child run', () => {
  const scopes = ['crm:list', 'crm:read', 'crm:write'];
  const inputs = [
    inputWith({ run: 'child', scopes }),
    inputWith({ run: 'parent', scopes }),
    inputWith({ run: 'grandparent', scopes }),
  ] as const;

  async function decided(words: Record<string, EvaluationResult>) {
    const { decide } = decideBy((input) => words[input.run.id] ?? allow());
    return await decide.decide({ revision, inputs, key: null });
  }

  it('is decided as itself and as each of its ancestors, in one decision', async () => {
    const { decide, evaluator } = decideBy(() => allow());
    const { decision, freshInput } = await decide.decide({ revision, inputs, key: null });
    expect(evaluator.asked.sort()).toEqual(['child', 'grandparent', 'parent']);
    expect(decision).toMatchObject({ allow: true, reasons: [{ code: 'granted' }], obligations: {} });
    expect(freshInput).toBe(canonicalize(inputs));
    expect(decision.inputSha256).toBe(sha256(freshInput ?? ''));
  });

  it('gets what all of them may have, for the shortest of their lives', async () => {
    const { decision } = await decided({
      child: allow({ scopes: ['crm:list', 'crm:read'], isolation: 'workflow' }),
      parent: allow({ scopes: ['crm:read', 'crm:write'], max_ttl: 600 }),
      grandparent: allow({ max_ttl: 900 }),
    });
    expect(decision).toMatchObject({ allow: true, obligations: { scopes: ['crm:read'], max_ttl: 600 } });
    expect(decision.obligations.isolation).toBeUndefined();
  });

  it('shares a token only if all say so', async () => {
    const shared = allow({ isolation: 'workflow' });
    expect((await decided({ child: shared, parent: shared, grandparent: shared })).decision.obligations.isolation).toBe('workflow');
    expect(
      (await decided({ child: shared, parent: allow({ isolation: 'run' }), grandparent: shared })).decision.obligations.isolation,
    ).toBeUndefined();
  });

  it('is denied when an ancestor is, and told by whom', async () => {
    const { decision } = await decided({ grandparent: deny('no_grant') });
    expect(decision).toMatchObject({
      allow: false,
      failure: false,
      reasons: [{ code: 'no_grant', ancestor: 'grandparent' }],
      obligations: {},
    });
  });

  it('is denied for its own sake first', async () => {
    const { decision } = await decided({ child: deny('outside_hours'), parent: deny('no_grant') });
    expect(decision.reasons).toEqual([{ code: 'outside_hours' }]);
  });

  it('is denied when nothing is left that all may have', async () => {
    const { decision } = await decided({ child: allow({ scopes: ['crm:list'] }), parent: allow({ scopes: ['crm:write'] }) });
    expect(decision).toMatchObject({ allow: false, failure: false, reasons: [{ code: 'policy_nothing_in_common' }] });
  });

  it('gets the narrowest details that any of them may have, if all of them may', async () => {
    const wide = { type: 'x', actions: ['list', 'read', 'write'] };
    const [list, read, both] = [['list'], ['read'], ['list', 'read']].map((actions) => ({ ...wide, actions }));
    const asking = (run: string) => inputWith({ run, scopes: [], details: [wide] });
    const inDetail = async (...words: readonly (readonly unknown[])[]) => {
      const runs = ['child', 'parent', 'grandparent'];
      const { decide } = decideBy((input) => allow({ authorization_details: words[runs.indexOf(input.run.id)] ?? [] }));
      return (await decide.decide({ revision, inputs: [asking('child'), asking('parent'), asking('grandparent')], key: null })).decision;
    };
    for (const words of [
      [[wide], [both], [read]],
      [[read], [both], [wide]],
      [[both], [read], [wide]],
    ]) {
      const { allow: allowed, obligations } = await inDetail(...words);
      expect({ allowed, details: obligations.authorization_details?.elements }).toEqual({ allowed: true, details: [read] });
    }
    // each is within what was asked, and none within the others
    expect(await inDetail([wide], [list], [read])).toMatchObject({ allow: false, reasons: [{ code: 'policy_nothing_in_common' }] });
  });

  it('is denied when nobody can tell about an ancestor', async () => {
    const { decision } = await decided({ parent: { kind: 'timeout' } });
    expect(decision).toMatchObject({ allow: false, failure: true, reasons: [{ code: 'policy_timeout', ancestor: 'parent' }] });
  });

  it('hears a no rather than that nobody can tell', async () => {
    const { decision } = await decided({ child: { kind: 'threw' }, grandparent: deny('no_grant') });
    expect(decision).toMatchObject({ failure: false, reasons: [{ code: 'no_grant', ancestor: 'grandparent' }] });
  });
});
