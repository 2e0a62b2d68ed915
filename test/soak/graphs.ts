import type { Befallen, Sample, Soak } from './samples.js';

export interface Line {
  readonly name: string;
  /** One for each sample; null where nothing is known. */
  readonly values: readonly (number | null)[];
}

export interface Graph {
  readonly title: string;
  readonly unit: string;
  /** Seconds of the run at each sample. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly faults: readonly Pick<Befallen, 'mark' | 'from' | 'to'>[];
}

const WIDTH = 760;
const HEIGHT = 280;
const BOX = { left: 64, right: 748, top: 62, bottom: 246 };
/** So many points of a line; of the samples between two of them the highest is drawn, so that no peak is lost. */
const POINTS = 300;
// each of them can be told from the others, and from white and from black
const COLOURS = ['#2f7ed8', '#e0701a', '#2a9d60', '#b455c8', '#c8323c', '#8a8a2a'];

// a page that shows it as a picture gives it no colours of its own, but the reader's wish for dark ones
const STYLE = `text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:14px;font-weight:600}.g{stroke:#8886}.f{fill:#8883}polyline{fill:none;stroke-width:1.5;stroke-linejoin:round}@media (prefers-color-scheme:dark){text{fill:#ccc}}`;

/** A drawing of lines over the minutes of a run, faults behind them. */
export function draw({ title, unit, at, lines, faults }: Graph): string {
  const end = Math.max(at.at(-1) ?? 0, 1);
  const top = niceTop(Math.max(...lines.flatMap(({ values }) => values.map((value) => value ?? 0)), 0));
  const x = (seconds: number): number => round(BOX.left + (Math.min(seconds, end) / end) * (BOX.right - BOX.left));
  const y = (value: number): number => round(BOX.bottom - (value / top) * (BOX.bottom - BOX.top));
  const parts: string[] = [];
  for (const { mark, from, to } of faults) {
    const [left, right] = [x(from), x(to)];
    parts.push(
      `<rect class="f" x="${left}" y="${BOX.top}" width="${Math.max(1.5, round(right - left))}" height="${BOX.bottom - BOX.top}"/>`,
    );
    parts.push(`<text x="${round((left + right) / 2)}" y="${BOX.top - 4}" text-anchor="middle">${mark}</text>`);
  }
  for (let tick = 0; tick <= 4; tick++) {
    const height = y((top * tick) / 4);
    parts.push(`<path class="g" d="M${BOX.left} ${height}H${BOX.right}"/>`);
    parts.push(`<text x="${BOX.left - 6}" y="${height + 4}" text-anchor="end">${Number(((top * tick) / 4).toPrecision(4))}</text>`);
  }
  const step = niceTop(end / 60 / 10);
  for (let minute = 0; minute <= end / 60; minute += step)
    parts.push(`<text x="${x(minute * 60)}" y="${BOX.bottom + 16}" text-anchor="middle">${Number(minute.toPrecision(3))}</text>`);
  parts.push(`<text x="${(BOX.left + BOX.right) / 2}" y="${BOX.bottom + 31}" text-anchor="middle">minutes</text>`);
  let legend = BOX.left;
  for (const [index, { name, values }] of lines.entries()) {
    const colour = COLOURS[index % COLOURS.length];
    for (const piece of pieces(at, values)) {
      const points = piece.map(([seconds, value]) => `${x(seconds)},${y(value)}`).join(' ');
      parts.push(`<polyline stroke="${colour}" points="${points}"/>`);
    }
    parts.push(`<rect x="${legend}" y="32" width="10" height="10" fill="${colour}"/><text x="${legend + 14}" y="41">${name}</text>`);
    legend += 30 + name.length * 6.6;
  }
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`;
  return `${open}<title>${title}</title><style>${STYLE}</style><text class="t" x="${BOX.left}" y="20">${title}, ${unit}</text>${parts.join('')}</svg>\n`;
}

/** The runs of known values, with no more points than are to be seen. */
function pieces(at: readonly number[], values: readonly (number | null)[]): readonly (readonly (readonly [number, number])[])[] {
  const width = Math.max(1, Math.ceil(at.length / POINTS));
  const found: (readonly [number, number])[][] = [[]];
  for (let from = 0; from < at.length; from += width) {
    const known = values.slice(from, from + width).filter((value) => value !== null);
    if (known.length === 0) found.push([]);
    else found.at(-1)?.push([at[from] ?? 0, Math.max(...known)]);
  }
  return found.filter((piece) => piece.length > 0);
}

/** The least of 1, 2, 2.5, 4, 5 and 10 times a power of ten that is not below. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.01)));
  return power * ([1, 2, 2.5, 4, 5, 10].find((factor) => factor * power >= value) ?? 10);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const MB = 2 ** 20;

/** By file name, without its ending. */
export function graphsOf({ samples, faults }: Soak): ReadonlyMap<string, string> {
  const at = samples.map((sample) => sample.at);
  const line = (name: string, of: (sample: Sample, index: number) => number | null | undefined): Line => ({
    name,
    values: samples.map((sample, index) => of(sample, index) ?? null),
  });
  const names = Object.keys(samples[0]?.processes ?? {});
  const seconds = (index: number): number => (at[index] ?? 0) - (at[index - 1] ?? 0) || 1;
  const megabytes = (bytes: number | null | undefined): number | null => (bytes == null ? null : bytes / MB);
  const rate = (kind: 'ok' | 'unavailable' | 'brokenOff'): Line['values'] =>
    samples.map(({ answers }, index) => answers[kind] / seconds(index));
  const graph = (title: string, unit: string, lines: readonly Line[]): string => draw({ title, unit, at, lines, faults });
  return new Map([
    [
      'memory',
      graph(
        'Resident memory',
        'MB',
        names.map((name) => line(name, ({ processes }) => megabytes(processes[name]?.rss))),
      ),
    ],
    [
      'heap',
      graph(
        'Old generation of the heap',
        'MB',
        names.map((name) => line(name, ({ processes }) => megabytes(processes[name]?.heap))),
      ),
    ],
    [
      'handles',
      graph('Open descriptors, and connections to PostgreSQL', 'count', [
        ...names.map((name) => line(name, ({ processes }) => processes[name]?.handles)),
        line('connections to PostgreSQL', ({ backends }) => backends),
      ]),
    ],
    ['queue-age', graph('Age of the oldest due work', 'seconds', [line('oldest', ({ queue }) => queue?.age)])],
    ['queue', graph('Work that is not done', 'rows', [line('waiting', ({ queue }) => queue?.waiting)])],
    [
      'answers',
      graph('Answers', 'per second', [
        { name: 'good', values: rate('ok') },
        { name: 'told to try again', values: rate('unavailable') },
        { name: 'broken off', values: rate('brokenOff') },
      ]),
    ],
    [
      'latency',
      graph('Time to the answer of a token request', 'ms', [
        line('p99', ({ latency }) => latency?.p99),
        line('p50', ({ latency }) => latency?.p50),
      ]),
    ],
    ['database', graph('Size of the database', 'MB', [line('size', ({ databaseBytes }) => megabytes(databaseBytes))])],
  ]);
}
