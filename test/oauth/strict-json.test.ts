import fc from 'fast-check';
import { membersOf, parseStrictJson, UnreadableJson } from '../../src/oauth/strict-json.js';

function parse(text: string): unknown {
  return parseStrictJson(Buffer.from(text, 'utf8'));
}

function reasonOf(bytes: Uint8Array): string {
  try {
    parseStrictJson(bytes);
  } catch (error) {
    if (error instanceof UnreadableJson) return error.reason;
    throw error;
  }
  return 'read';
}

describe('strict JSON (A59, Q35)', () => {
  it('reads what JSON.parse reads, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    '{"scope":"a","scope":"admin"}',
    '{"a":{"b":1,"c":[],"b":2}}',
    '[{"a":1},{"a":1,"a":2}]',
    String.raw`{"scope":1,"sc\u006fpe":2}`,
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"a" :1 , "a"\n:2}',
  ])('refuses repeated names in %s', (text) => {
    expect(reasonOf(Buffer.from(text))).toBe('a member name is repeated');
  });

  it.each([
    '{"a":"a","b":"a"}',
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":1}}}',
    String.raw`{"a\":\"a":1,"a":2}`,
    '{"a":":","b":"{\\"a\\":1,\\"a\\":2}"}',
  ])('reads %s, in which none is repeated', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('finds every repetition, wherever it stands', () => {
    const name = fc.string({ unit: 'binary', maxLength: 3 });
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(), fc.jsonValue(), (names, from, to, value) => {
        const members = names.map((one) => `${JSON.stringify(one)}:${JSON.stringify(value)}`);
        expect(reasonOf(Buffer.from(`{${members.join(',')}}`))).toBe('read');
        const repeated = members[from % members.length] ?? '';
        members.splice(to % (members.length + 1), 0, repeated);
        expect(reasonOf(Buffer.from(`{${members.join(',')}}`))).toBe('a member name is repeated');
      }),
    );
  });

  it('takes a byte order mark for nothing', () => {
    expect(parse('\ufeff{"a":1}')).toEqual({ a: 1 });
  });

  it.each([
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), /not (UTF-8|JSON)/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), /not UTF-8/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]), /not UTF-8/],
    ['nothing', Buffer.from(''), /not JSON/],
    ['HTML', Buffer.from('<html>'), /not JSON/],
    ['two values', Buffer.from('{} {}'), /not JSON/],
  ])('refuses %s', (_, bytes, reason) => {
    expect(reasonOf(bytes)).toMatch(reason);
  });

  it('reads 32 levels and refuses more, without running out of stack', () => {
    expect(reasonOf(Buffer.from('['.repeat(32) + ']'.repeat(32)))).toBe('read');
    expect(reasonOf(Buffer.from('['.repeat(33) + ']'.repeat(33)))).toBe('nested too deeply');
    expect(reasonOf(Buffer.from('[{"a":'.repeat(40_000) + '1' + '}]'.repeat(40_000)))).toBe('nested too deeply');
  });

  it('gives no name any power (A59)', () => {
    const members = membersOf(parse('{"__proto__":{"access_token":"x"},"constructor":1,"toString":2}'));
    expect(members?.get('access_token')).toBeUndefined();
    expect([...(members?.keys() ?? [])]).toEqual(['__proto__', 'constructor', 'toString']);
    expect(({} as Record<string, unknown>)['access_token']).toBeUndefined();
  });

  it('does not quote the text in its errors (A60)', () => {
    expect(() => parse('canary')).toThrow(/^not JSON$/);
  });
});
