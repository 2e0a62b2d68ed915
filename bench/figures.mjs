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

export function printTable(headings, rows) {
  const lines = [headings, ...rows].map((cells) => cells.map(String));
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => cells[column].length)));
  for (const cells of lines) {
    console.log(cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '));
  }
}

export const whole = (value) => Math.round(value).toLocaleString('en-US');
export const between = ({ min, median, max }, print) => `${print(median)} (${print(min)}–${print(max)})`;
