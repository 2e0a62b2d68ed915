/**
 * Whether record and database can hold a text: PostgreSQL takes no NUL and no half of a surrogate pair, and U+001F parts texts on their
 * way to it.
 */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0') && !text.includes('\x1f');
}
