// Medians and percentiles, and how figures are printed.

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0], median: percentile(sorted, 0.5), max: sorted.at(-1) };
}

/** Of values in ascending order. */
export function percentile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  return below + (sorted[Math.ceil(place)] - below) * (place - Math.floor(place));
}

export function rounded(value, digits = 3) {
  if (typeof value === 'number') return Number(value.toPrecision(digits));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rounded(each, digits)]));
}

/** As Markdown, so that it can be put into docs as it is. */
export function printTable(headings, rows) {
  const lines = [headings, ...rows].map((cells) => cells.map(String));
  const widths = headings.map((_, column) => Math.max(4, ...lines.map((cells) => cells[column].length)));
  const ruler = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const padded = lines.map((cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))),
  );
  padded.splice(1, 0, ruler);
  for (const cells of padded) console.log(`| ${cells.join(' | ')} |`);
}

export const whole = (value) => Math.round(value).toLocaleString('en-US');
export const between = ({ min, median, max }, print) => `${print(median)} (${print(min)}–${print(max)})`;
