/**
 * Patterns over the values of signed claims. Without `*` a pattern is one value, and nothing else matches it; a `*` stands for any
 * characters, and for none. The whole value must match, from its first character to its last, and case counts.
 */
export function matchesPattern(pattern: string, value: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return value === pattern;
  if (!value.startsWith(head) || value.length < head.length + tail.length || !value.endsWith(tail)) return false;
  // each piece at its earliest place: if the pieces fit at all, they fit so
  let from = head.length;
  for (const piece of rest) {
    const found = value.indexOf(piece, from);
    if (found < 0) return false;
    from = found + piece.length;
  }
  return from <= value.length - tail.length;
}

/** What every matching value begins with. */
export function literalStart(pattern: string): string {
  return pattern.split('*', 1)[0] ?? '';
}

/** Whether a value that begins with `start` can match. */
export function canBeginWith(pattern: string, start: string): boolean {
  const literal = literalStart(pattern);
  return pattern.includes('*') ? literal.startsWith(start) || start.startsWith(literal) : literal.startsWith(start);
}

/** Whether everything that matches `narrow` is certain to match `wide`; no is the answer where it cannot be told. */
export function covers(wide: string, narrow: string): boolean {
  return wide === narrow || (!narrow.includes('*') && matchesPattern(wide, narrow));
}
