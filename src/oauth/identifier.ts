const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The kinds of thing that have an identifier, as its prefix. */
export type IdentifierPrefix = 'run' | 'ent' | 'dec' | 'iss' | 'sus' | 'cre' | 'key' | 'inc' | 'wrk' | 'ins' | 'cat' | 'rot';

/** Where randomness comes from: `bytes(n)` gives n unpredictable bytes. */
export interface Randomness {
  bytes(length: number): Uint8Array;
}

/**
 * Makes identifiers of letters and digits, sortable by the millisecond in which they were made:
 * a prefix, ten characters of time and sixteen of randomness (80 bits).
 */
export function newIdentifier(prefix: IdentifierPrefix, now: number, randomness: Randomness): string {
  let time = '';
  for (let rest = Math.floor(now), place = 0; place < 10; place++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let random = '';
  for (const byte of randomness.bytes(16)) random += ALPHABET.charAt(byte & 31);
  return prefix + time + random;
}

const LETTERS_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * A secret of letters and digits alone, so that its form-encoded and its raw Basic form are the same (CONFORMANCE B17).
 * 43 characters hold 256 bits.
 */
export function newSecretText(randomness: Randomness, length = 43): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomness.bytes(64)) {
      // 248 = 4 × 62: larger bytes would make some letters likelier than others
      if (byte < 248 && text.length < length) text += LETTERS_AND_DIGITS.charAt(byte % 62);
    }
  }
  return text;
}
