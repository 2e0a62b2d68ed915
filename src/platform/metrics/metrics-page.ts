import { metrics, mostValues, type Metric } from './definitions.js';

const BLOCK = /(<!-- made: metrics -->\n)[^]*?(<!-- end -->)/;

/** Fills in what docs/metrics.md takes from the code, between `<!-- made: metrics -->` and `<!-- end -->`. */
export function fillMetricsPage(page: string): string {
  return page.replace(BLOCK, (_, begin: string, end: string) => `${begin}\n${allMetrics()}\n\n${end}`);
}

function allMetrics(): string {
  const rows = Object.values<Metric>(metrics).map(({ name, type, unit, labels, meaning }) => [
    `\`${name}\``,
    type,
    unit,
    printLabels(labels),
    meaning,
  ]);
  return [['metric', 'type', 'unit', 'labels', 'meaning'], ['---', '---', '---', '---', '---'], ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .concat('', `A label has at most ${mostValues} values; what comes after them is counted as \`other\`.`)
    .join('\n');
}

function printLabels(labels: Metric['labels']): string {
  return Object.entries(labels)
    .map(([label, meaning]) => `\`${label}\`: ${meaning}`)
    .join('. ');
}
