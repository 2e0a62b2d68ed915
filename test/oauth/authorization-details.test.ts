import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { InvalidAuthorizationDetails } from '../../src/oauth/errors.js';

const of = (...elements: readonly object[]): AuthorizationDetails => AuthorizationDetails.parse(JSON.stringify(elements));
const payment = { type: 'payment', actions: ['initiate', 'status'], amount: { currency: 'EUR', value: '12.50' }, banks: ['a', 'b'] };

describe('authorization details', () => {
  it('are a set: equal ones print alike, in canonical JSON', () => {
    const text = '[{"actions":["read"],"type":"a"},{"n":1,"type":"b"}]';
    expect(AuthorizationDetails.parse(' [ {"type":"b", "n":1.0}, {"type":"a","actions":["read"]} ]').toString()).toBe(text);
    expect(AuthorizationDetails.restore(text).toString()).toBe(text);
    expect(AuthorizationDetails.restore(null).isEmpty).toBe(true);
    expect(JSON.stringify(AuthorizationDetails.parse(text))).toBe(text);
    expect(of({ type: 'b' }, { type: 'a' }, { type: 'a', n: 1 }).types).toEqual(['a', 'b']);
  });

  it.each([
    ['no JSON', '[{"type":"a"}'],
    ['an object', '{"type":"a"}'],
    ['a text', '"a"'],
    ['nothing', '[]'],
    ['a list in the list', '[[{"type":"a"}]]'],
    ['a text in the list', '["a"]'],
    ['null in the list', '[{"type":"a"},null]'],
    ['an element without a type', '[{"type":"a"},{"actions":["read"]}]'],
    ['a type that is no text', '[{"type":["a"]}]'],
    ['an empty type', '[{"type":""}]'],
    ['a type with a space', '[{"type":"a b"}]'],
    ['a type that is too long', `[{"type":"${'a'.repeat(257)}"}]`],
    ['a repeated member', '[{"type":"a","actions":["read"],"actions":["write"]}]'],
    ['a repeated member in the depth', '[{"type":"a","x":[{"y":1,"\\u0079":2}]}]'],
    ['NUL', '[{"type":"a","x":"\\u0000"}]'],
    ['half a character', '[{"type":"a","x":"\\ud800"}]'],
    ['half a character in a name', '[{"type":"a","\\udc00":1}]'],
    ['a number that would come out as another', '[{"type":"a","x":9007199254740993}]'],
    ['a number beyond all', '[{"type":"a","x":1e999}]'],
    ['too many', JSON.stringify(Array(33).fill({ type: 'a' }))],
    ['too long a text', JSON.stringify([{ type: 'a', x: 'x'.repeat(4096) }])],
    ['too many bytes', JSON.stringify([{ type: 'a', x: '€'.repeat(1500) }])],
    ['too deep a value', `[{"type":"a","x":${'['.repeat(15)}${']'.repeat(15)}}]`],
  ])('are refused when they are %s (B54)', (_, text) => {
    expect(() => AuthorizationDetails.parse(text)).toThrow(InvalidAuthorizationDetails);
  });

  it('are accepted up to the limits', () => {
    expect(AuthorizationDetails.parse(JSON.stringify(Array(32).fill({ type: 'a' }))).elements).toHaveLength(32);
    expect(AuthorizationDetails.parse(JSON.stringify([{ type: 'a', x: 'x'.repeat(4000) }])).isEmpty).toBe(false);
    expect(AuthorizationDetails.parse(`[{"type":"a","x":${'['.repeat(14)}${']'.repeat(14)}}]`).isEmpty).toBe(false);
    expect(AuthorizationDetails.parse('[{"type":"a","__proto__":{"x":1}}]').toString()).toBe('[{"__proto__":{"x":1},"type":"a"}]');
  });
});

describe('details compared member by member (A46)', () => {
  it.each<readonly [string, object[], object[]]>([
    ['the same', [payment], [payment]],
    ['the same in another order', [{ type: 'x' }, payment], [payment, { type: 'x' }]],
    ['fewer elements', [payment], [payment, { type: 'x' }]],
    ['fewer actions', [{ ...payment, actions: ['status'] }], [payment]],
    ['actions in another order, and twice', [{ ...payment, actions: ['status', 'initiate', 'status'] }], [payment]],
    [
      'elements that fit only when places are changed',
      [
        { type: 'a', actions: ['x'] },
        { type: 'a', actions: ['y'] },
      ],
      [
        { type: 'a', actions: ['x', 'y'] },
        { type: 'a', actions: ['x'] },
      ],
    ],
    ['none', [], [payment]],
  ])('are no broader when they are %s', (_, narrow, wide) => {
    const narrower = narrow.length === 0 ? AuthorizationDetails.none : of(...narrow);
    expect(narrower.isNoBroaderThan(of(...wide))).toBe(true);
  });

  it.each<readonly [string, object[], object[]]>([
    ['another type', [{ ...payment, type: 'account' }], [payment]],
    ['more actions', [{ ...payment, actions: ['initiate', 'status', 'cancel'] }], [payment]],
    ['an action for none', [{ type: 'a', actions: ['read'] }], [{ type: 'a', actions: [] }]],
    ['no action at all, which may mean all', [{ ...payment, actions: [] }], [payment]],
    ['actions left out, which may mean all', [{ type: 'a' }], [{ type: 'a', actions: ['read'] }]],
    ['actions that are no list', [{ type: 'a', actions: 'read' }], [{ type: 'a', actions: ['read'] }]],
    ['a member more', [{ ...payment, urgent: true }], [payment]],
    ['another value in the depth', [{ ...payment, amount: { currency: 'EUR', value: '12.51' } }], [payment]],
    ['fewer of a list that is not of RFC 9396: it may say what is left out', [{ ...payment, banks: ['a'] }], [payment]],
    ['one element twice', [payment, payment], [payment]],
    [
      'two elements within one',
      [
        { ...payment, actions: ['initiate'] },
        { ...payment, actions: ['status'] },
      ],
      [payment],
    ],
    ['a member that every object has', [{ type: 'a', x: 1 }], [{ type: 'a', toString: 1 }]],
    ['a prototype in place of a member', [{ type: 'a', toString: 1 }], [{ type: 'a', x: 1 }]],
  ])('are broader when they are %s', (_, broad, narrow) => {
    expect(of(...broad).isNoBroaderThan(of(...narrow))).toBe(false);
  });

  it('are an order: what is no broader than what is no broader is no broader', () => {
    // few enough to choose from that one often narrows another
    const element = fc.record({ type: fc.constant('a'), actions: fc.subarray(['x', 'y'], { minLength: 1 }) });
    const details = fc.array(element, { minLength: 1, maxLength: 3 }).map((elements) => of(...elements));
    let chains = 0;
    fc.assert(
      fc.property(details, details, details, (one, two, three) => {
        expect(one.isNoBroaderThan(one)).toBe(true);
        if (!one.isNoBroaderThan(two) || !two.isNoBroaderThan(three)) return;
        chains++;
        expect(one.isNoBroaderThan(three)).toBe(true);
      }),
      { numRuns: 3000 },
    );
    expect(chains).toBeGreaterThan(50);
  });
});
