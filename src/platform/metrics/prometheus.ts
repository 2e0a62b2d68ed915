import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metrics, type Metric, type Metrics } from './definitions.js';
import type { Tally } from './tally.js';

type Kept<M extends Metric> = { counter: Counter; gauge: Gauge; histogram: Histogram }[M['type']];

/** The metrics as prom-client keeps and prints them, with those of the process. */
export class Prometheus {
  readonly #registry = new Registry();
  readonly all: { readonly [Key in keyof Metrics]: Kept<Metrics[Key]> };

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    const kept = Object.entries(metrics).map(([key, metric]) => [key, make(metric, this.#registry)]);
    this.all = Object.fromEntries(kept) as typeof this.all;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  print(): Promise<string> {
    return this.#registry.metrics();
  }
}

function make({ name, type, labels, meaning, buckets = [] }: Metric, registry: Registry): Counter | Gauge | Histogram {
  const common = { name, help: meaning, labelNames: Object.keys(labels), registers: [registry] };
  switch (type) {
    case 'counter':
      return new Counter(common);
    case 'gauge':
      return new Gauge(common);
    case 'histogram':
      return new Histogram({ ...common, buckets: [...buckets] });
  }
}

/** Makes a counter say what was tallied. `labels` are one or two, in the order in which they were counted. */
export function pour(tally: Tally, counter: Counter, [first, second]: readonly [string, string?]): void {
  counter.reset();
  for (const [one, other, count] of tally.entries()) {
    counter.inc(second === undefined ? { [first]: one } : { [first]: one, [second]: other }, count);
  }
}

/** Makes a counter without labels say a number that was counted elsewhere. */
export function set(counter: Counter, value: number): void {
  counter.reset();
  counter.inc(value);
}
