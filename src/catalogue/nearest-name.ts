const LONGEST = 64;

/** `: did you mean x?` when one of the names is so near that a slip explains the difference, else nothing. */
export function didYouMean(text: string, names: Iterable<string>): string {
  let nearest: { name: string; distance: number } | null = null;
  for (const name of names) {
    const slips = Math.max(1, Math.floor(name.length / 3));
    if (Math.abs(name.length - text.length) > slips || name.length > LONGEST) continue;
    const distance = editDistance(text.toLowerCase(), name.toLowerCase());
    if (distance <= Math.min(slips, (nearest?.distance ?? Infinity) - 1)) nearest = { name, distance };
  }
  return nearest === null ? '' : `: did you mean ${nearest.name}?`;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
