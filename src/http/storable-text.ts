import { z } from 'zod';
import { isStorableText } from '../attribution/storable-text.js';

/** A text from outside that the database and the record can hold. */
export function storableText(most: number) {
  return z.string().min(1).max(most).refine(isStorableText, 'must not hold NUL, U+001F or half a character');
}
