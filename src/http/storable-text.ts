import { z } from 'zod';

const UNSTORABLE = /[\0\x1f\p{Cs}]/u; // eslint-disable-line no-control-regex

/** A text from outside that the database and the record can hold. */
export function storableText(most: number) {
  return z
    .string()
    .min(1)
    .max(most)
    .refine((given) => !UNSTORABLE.test(given), 'must not hold NUL, U+001F or half a character');
}
