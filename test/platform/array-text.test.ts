import fc from 'fast-check';
import { arrayText, parseArrayText } from '../../src/platform/array-text.js';

describe('the text of an array', () => {
  it('is read as it was written, whatever its elements hold', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.option(fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '{', '}', ' ', 'N', 'ä', '😀', '\n', '\x7f', '\u2028') })),
        ),
        (elements) => {
          expect(parseArrayText(arrayText(elements, String), (text) => text)).toEqual(elements);
        },
      ),
    );
  });

  it('is read as PostgreSQL writes it', () => {
    expect(parseArrayText('{}', String)).toEqual([]);
    expect(parseArrayText('{1,NULL,-3}', Number)).toEqual([1, null, -3]);
    expect(parseArrayText('{plain,"NULL","a\\"b","a\\\\b","","x y"}', String)).toEqual(['plain', 'NULL', 'a"b', 'a\\b', '', 'x y']);
    expect(parseArrayText('[0:1]={a,b}', String)).toEqual(['a', 'b']);
  });
});
