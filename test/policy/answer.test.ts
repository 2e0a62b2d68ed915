import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { readAnswer } from '../../src/policy/answer.js';
import { wordOf } from '../../src/policy/word.js';

const schemaFile = join(import.meta.dirname, '../../policies/schemas/decision.json');
const schema = z.fromJSONSchema(z.json().parse(JSON.parse(readFileSync(schemaFile, 'utf8'))) as Parameters<typeof z.fromJSONSchema>[0]);

const granted = { allow: true, reasons: [{ code: 'granted' }], obligations: { scopes: ['a'], max_ttl: 300, isolation: 'run' } };

describe('the answer of a policy', () => {
  it('is read member by member', () => {
    expect(readAnswer(granted)).toEqual({ kind: 'answer', ...granted });
    expect(readAnswer({ allow: true })).toEqual({ kind: 'answer', allow: true, reasons: [], obligations: {} });
    expect(readAnswer({ allow: false, reasons: [{ code: 'no', scope: 'b', count: 2, hard: true }] })).toEqual({
      kind: 'answer',
      allow: false,
      reasons: [{ code: 'no', scope: 'b', count: 2, hard: true }],
      obligations: {},
    });
  });

  it('may give scopes in any order and twice, as sets come out of a module', () => {
    expect(readAnswer({ allow: true, obligations: { scopes: ['b', 'a', 'b'] } })).toMatchObject({ obligations: { scopes: ['a', 'b'] } });
  });

  it.each([
    ['null', null, 'decision'],
    ['true', true, 'decision'],
    ['a list', [granted], 'decision'],
    ['an unknown member', { ...granted, alow: true }, 'decision'],
    ['a member named __proto__', JSON.parse('{"allow":true,"__proto__":{"allow":true}}'), 'decision'],
    ['no allow', { reasons: [] }, 'allow'],
    ['allow as a text', { allow: 'true' }, 'allow'],
    ['allow as a number', { allow: 1 }, 'allow'],
    ['reasons that are no list', { allow: true, reasons: { code: 'a' } }, 'reasons'],
    ['a reason that is a text', { allow: true, reasons: ['granted'] }, 'reasons'],
    ['a reason without a code', { allow: true, reasons: [{ scope: 'a' }] }, 'reasons'],
    ['a code with a capital', { allow: true, reasons: [{ code: 'Granted' }] }, 'reasons'],
    ['a code with a line break', { allow: true, reasons: [{ code: 'granted\n' }] }, 'reasons'],
    ['a code that is too long', { allow: true, reasons: [{ code: 'a'.repeat(65) }] }, 'reasons'],
    ['a nested reason', { allow: true, reasons: [{ code: 'a', why: { more: 1 } }] }, 'reasons'],
    ['a text that is too long', { allow: true, reasons: [{ code: 'a', text: 'x'.repeat(257) }] }, 'reasons'],
    ['a text with an escape sequence', { allow: true, reasons: [{ code: 'a', text: '\u001b[2J' }] }, 'reasons'],
    ['a text with half a character', { allow: true, reasons: [{ code: 'a', text: '\ud800' }] }, 'reasons'],
    ['an infinite number', { allow: true, reasons: [{ code: 'a', n: Infinity }] }, 'reasons'],
    ['a reason named __proto__', { allow: true, reasons: [JSON.parse('{"code":"a","__proto__":"b"}')] }, 'reasons'],
    ['too many reasons', { allow: true, reasons: Array(17).fill({ code: 'a' }) }, 'reasons'],
    ['too much in one reason', { allow: true, reasons: [{ code: 'a', b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1 }] }, 'reasons'],
    [
      'reasons too long together',
      { allow: true, reasons: Array(16).fill({ code: 'a', b: 'x'.repeat(256), c: 'x'.repeat(256) }) },
      'reasons',
    ],
    ['obligations that are null', { allow: true, obligations: null }, 'obligations'],
    ['obligations that are a list', { allow: true, obligations: [] }, 'obligations'],
    ['details that are one object', { allow: true, obligations: { authorization_details: { type: 'x' } } }, 'obligations'],
    ['a detail without a type', { allow: true, obligations: { authorization_details: [{ actions: ['read'] }] } }, 'obligations'],
    ['details without end', { allow: true, obligations: { authorization_details: Array(33).fill({ type: 'x' }) } }, 'obligations'],
    ['scopes as one text', { allow: true, obligations: { scopes: 'a b' } }, 'obligations'],
    ['a scope that is a number', { allow: true, obligations: { scopes: ['a', 1] } }, 'obligations'],
    ['a life of nothing', { allow: true, obligations: { max_ttl: 0 } }, 'obligations'],
    ['a life of half a second', { allow: true, obligations: { max_ttl: 0.5 } }, 'obligations'],
    ['a life before now', { allow: true, obligations: { max_ttl: -60 } }, 'obligations'],
    ['a life as a text', { allow: true, obligations: { max_ttl: '300' } }, 'obligations'],
    ['a life of more than a year', { allow: true, obligations: { max_ttl: 31_536_001 } }, 'obligations'],
    ['an isolation that nobody knows', { allow: true, obligations: { isolation: 'owner' } }, 'obligations'],
  ])('is malformed with %s', (_, answer: unknown, at) => {
    expect(readAnswer(answer)).toEqual({ kind: 'malformed', at });
  });

  it.each(['sender_constraint', 'delivery', 'approval', 'maxTtl', '__proto__'])(
    'is not understood with the obligation %s',
    (obligation) => {
      const answer = JSON.parse(`{"allow":true,"obligations":{"${obligation}":1}}`) as unknown;
      expect(readAnswer(answer)).toMatchObject({ kind: 'unknown_obligation' });
    },
  );
});

describe('an allowance', () => {
  const elements = [{ type: 'x', actions: ['read', 'write'] }, { type: 'y' }];
  const asked = { scope: Scope.of(['a', 'b']), details: AuthorizationDetails.none };
  const inDetail = { ...asked, details: AuthorizationDetails.parse(JSON.stringify(elements)) };
  const word = (obligations: object, about = asked) => wordOf({ kind: 'value', value: { allow: true, obligations } }, about);
  const isAllowed = (answer: unknown): boolean => wordOf({ kind: 'value', value: answer }, asked).allow;

  it('decides something of what was asked: no scope at all, or no details, is malformed unless nothing was asked', () => {
    const malformed = { allow: false, failure: false, reasons: [{ code: 'policy_malformed', at: 'obligations' }] };
    expect(word({ scopes: [] })).toEqual(malformed);
    expect(word({ authorization_details: [] }, inDetail)).toEqual(malformed);
    expect(word({ authorization_details: [] }).allow).toBe(true);
    expect(word({ scopes: [], authorization_details: elements }, { ...inDetail, scope: Scope.none }).allow).toBe(true);
  });

  it('must decide details that were asked for, no broader than they were', () => {
    const denied = (code: string) => ({ allow: false, failure: false, reasons: [{ code }] });
    expect(word({ scopes: ['a'] }, inDetail)).toEqual(denied('policy_details_undecided'));
    const narrower = [{ type: 'x', actions: ['read'] }];
    expect(word({ authorization_details: narrower }, inDetail)).toMatchObject({
      allow: true,
      obligations: { authorization_details: AuthorizationDetails.parse(JSON.stringify(narrower)) },
    });
    for (const broader of [[{ type: 'x' }], [{ type: 'z' }], [...elements, { type: 'y' }], [{ type: 'y', actions: ['read'] }]]) {
      expect(word({ authorization_details: broader }, inDetail)).toEqual(denied('policy_broader_than_asked'));
    }
    expect(word({ authorization_details: narrower })).toEqual(denied('policy_broader_than_asked'));
  });

  it('never comes out of anything that the published schema does not describe', () => {
    const anything = fc.oneof(fc.jsonValue(), nearDecisions(fc.jsonValue()));
    let allowed = 0;
    fc.assert(
      fc.property(anything, (answer) => {
        if (!isAllowed(answer) && !wordOf({ kind: 'value', value: answer }, inDetail).allow) return;
        allowed++;
        expect(schema.safeParse(answer).success).toBe(true);
        expect(answer).toMatchObject({ allow: true });
      }),
      { numRuns: 2000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });

  it('comes out of every answer that the schema describes and that does not widen what was asked', () => {
    const scopes = fc.subarray(['a', 'b'], { minLength: 1 });
    const plain = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
    const reason = fc.record(
      { code: fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/), text: plain, number: fc.integer(), flag: fc.boolean() },
      { requiredKeys: ['code'] },
    );
    const obligations = fc.record(
      { scopes, max_ttl: fc.integer({ min: 1, max: 31_536_000 }), isolation: fc.constantFrom('run', 'workflow') },
      { requiredKeys: [] },
    );
    const answers = fc.record(
      { allow: fc.constant(true), reasons: fc.array(reason, { maxLength: 16 }), obligations },
      { requiredKeys: ['allow'] },
    );
    fc.assert(
      fc.property(answers, (answer) => {
        expect(schema.safeParse(answer).success).toBe(true);
        expect(isAllowed(answer)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

/** Decisions with one thing or another wrong, which chance alone would hardly find. */
function nearDecisions(anything: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: anything });
  const withMore = (near: fc.Arbitrary<object>): fc.Arbitrary<object> =>
    fc.oneof(
      { weight: 6, arbitrary: near },
      { weight: 1, arbitrary: fc.tuple(near, fc.string(), anything).map(([object, name, more]) => ({ ...object, [name]: more })) },
    );
  const reason = withMore(fc.record({ code: or(fc.constantFrom('granted', 'ok')), detail: or(fc.string()) }, { requiredKeys: ['code'] }));
  const obligations = withMore(
    fc.record(
      {
        scopes: or(fc.subarray(['a', 'b', 'c'], { minLength: 1 })),
        authorization_details: or(fc.array(or(fc.constantFrom({ type: 'x', actions: ['read'] }, { type: 'y' })), { maxLength: 2 })),
        max_ttl: or(fc.integer({ min: -10, max: 100 })),
        isolation: or(fc.constantFrom('run', 'workflow')),
      },
      { requiredKeys: [] },
    ),
  );
  return withMore(
    fc.record(
      { allow: or(fc.constant(true)), reasons: or(fc.array(or(reason), { maxLength: 3 })), obligations: or(obligations) },
      { requiredKeys: ['allow'] },
    ),
  );
}
