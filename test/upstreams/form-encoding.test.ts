import fc from 'fast-check';
import { formBody, formEncode } from '../../src/upstreams/form-encoding.js';

const unicode = fc.string({ unit: 'grapheme' });

describe('form encoding (RFC 6749 appendix B)', () => {
  it('encodes the example of the specification (A12)', () => {
    expect(formEncode(' %&+£€')).toBe('+%25%26%2B%C2%A3%E2%82%AC');
  });

  it("is no encodeURIComponent: it escapes !'()~ and writes a space as + (Q2)", () => {
    expect(formEncode("a b!'()~*-._")).toBe('a+b%21%27%28%29%7E*-._');
  });

  it('leaves letters, digits and dashes as they are, for servers that do not decode (Q2)', () => {
    expect(formEncode('5bd4ab12-Zz-0')).toBe('5bd4ab12-Zz-0');
  });

  it('is undone by a decoder of forms, whatever the text', () => {
    fc.assert(
      fc.property(unicode, (text) => {
        expect(decodeURIComponent(formEncode(text).replaceAll('+', ' '))).toBe(text);
      }),
    );
  });

  it('holds nothing in a body that could be taken for another parameter', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(unicode, unicode)), (parameters) => {
        expect([...new URLSearchParams(formBody(parameters))]).toEqual(parameters);
      }),
    );
  });
});
