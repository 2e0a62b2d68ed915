import fc from 'fast-check';
import { canBeginWith, covers, matchesPattern } from '../../src/catalogue/claim-pattern.js';

/** Another way to say it: everything but * is taken as it is, and nothing may be left over at either end. */
function asRegExp(pattern: string): RegExp {
  const escaped = pattern.replace(/[/.|^$]/g, (character) => `\\${character}`);
  return new RegExp(`^(?:${escaped.replaceAll('*', '[^]*')})$`, 'u');
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '|', '^', '$', '\n', 'é'), maxLength: 8 });
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '|', '*', '*'), maxLength: 8 });

describe('a pattern over a claim', () => {
  it.each([
    ['acme/indexer', 'acme/indexer'],
    ['acme/*', 'acme/indexer'],
    ['acme/*', 'acme/a/b'],
    ['acme/*', 'acme/'],
    ['*', ''],
    ['a*b*c', 'a1b2b3c'],
    ['ab*ba', 'abba'],
    ['**', 'anything'],
  ])('%s matches %s', (wide, value) => expect(matchesPattern(wide, value)).toBe(true));

  it.each([
    ['acme/indexer', 'acme/indexer-fork'],
    ['acme/indexer', 'evil/acme/indexer'],
    ['acme/indexer', 'ACME/indexer'],
    ['acme/*', 'evil/acme/x'],
    ['acme/*', 'acme'],
    ['refs/heads/main', 'refs/heads/main\n'],
    ['a|b', 'a'],
    ['a.c', 'abc'],
    ['ab*ba', 'aba'],
    ['', 'x'],
  ])('%s does not match %s', (wide, value) => expect(matchesPattern(wide, value)).toBe(false));

  it('without a star matches itself and nothing else', () => {
    fc.assert(fc.property(letters, letters, (one, other) => matchesPattern(one, other) === (one === other)));
  });

  it('matches whole values only: nothing may stand before or behind', () => {
    fc.assert(
      fc.property(pattern, letters, (wide, value) => {
        expect(matchesPattern(wide, value)).toBe(asRegExp(wide).test(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes no time to speak of, whatever it is asked', () => {
    const started = performance.now();
    expect(matchesPattern(`${'a*'.repeat(200)}b`, 'a'.repeat(1_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(100);
  });

  it('covers another only when everything that matches the other matches it', () => {
    fc.assert(
      fc.property(pattern, pattern, letters, (wide, narrow, filling) => {
        // what matches the narrow one for certain
        const value = narrow.replaceAll('*', () => filling);
        expect(matchesPattern(narrow, value)).toBe(true);
        if (covers(wide, narrow)) expect(matchesPattern(wide, value)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(covers('acme/*', 'acme/indexer')).toBe(true);
    expect(covers('acme/indexer', 'acme/*')).toBe(false);
  });

  it('says whether what begins in some way could match', () => {
    expect(canBeginWith('spiffe://acme/*', 'spiffe://acme/')).toBe(true);
    expect(canBeginWith('spiffe*', 'spiffe://acme/')).toBe(true);
    expect(canBeginWith('spiffe', 'spiffe://acme/')).toBe(false);
    expect(canBeginWith('spiffe://evil/*', 'spiffe://acme/')).toBe(false);
    fc.assert(
      fc.property(pattern, letters, letters, (wide, start, rest) => !matchesPattern(wide, start + rest) || canBeginWith(wide, start)),
    );
  });
});
