// node bench/watching.mjs, after a build: what metrics and traces cost a cached release beside what it costs anyway, in nanoseconds of
// this process (so that a busy machine does not count). The collector that spans are sent to answers at once, and is in it too.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { untraced } from '../dist/issuance/spans.js';
import { unobserved } from '../dist/issuance/observer.js';
import { Metering } from '../dist/platform/metrics/metering.js';
import { OtelSpans } from '../dist/platform/tracing/otel-spans.js';
import { TracedLog } from '../dist/platform/tracing/traced-ports.js';
import { printTable, whole } from './figures.mjs';

const decided = { kind: 'allowed', decision: { id: 'dec01', reasons: [{ code: 'granted' }] } };
const answer = { kind: 'released', from: 'cached' };
const log = { append: () => Promise.resolve([]) };
const items = [{ entry: { id: 'ent01', type: 'token.released' } }];
const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;

/** What IssueToken, the record and the HTTP surface do beside a cached release. */
function release(observer, counted, spans, traced) {
  const recorded = spans === untraced ? log : new TracedLog(log, spans);
  return async () => {
    await spans.request(traced, async (span) => {
      span.note({ 'corridor.run': 'run01', 'corridor.workflow': 'nightly-index' });
      await spans.step('decide', () => Promise.resolve(decided));
      await spans.step('obtain', () => recorded.append(items));
      observer.answered(decided, answer);
    });
    counted('/oauth2/token', 200, 0.004);
  };
}

/** The same without a word to anybody. */
async function bare() {
  await (async () => {
    await Promise.resolve(decided);
    await log.append(items);
  })();
}

async function nanoseconds(work, times = 100_000) {
  for (let warm = 0; warm < times; warm++) await work();
  const rounds = [];
  for (let round = 0; round < 5; round++) {
    const begun = process.cpuUsage();
    for (let done = 0; done < times; done++) await work();
    const { user, system } = process.cpuUsage(begun);
    rounds.push(((user + system) * 1000) / times);
  }
  return rounds.sort((a, b) => a - b)[2];
}

const collector = createServer((request, response) => request.resume().on('end', () => response.end('{}'))).listen(0, '127.0.0.1');
await once(collector, 'listening');
const metering = new Metering({}, { host: '127.0.0.1', port: 0 });
const spans = new OtelSpans(`http://127.0.0.1:${collector.address().port}`);
const counted = (...args) => metering.answered(...args);
const nothing = () => undefined;

const base = await nanoseconds(bare);
const rows = [
  ['both off', await nanoseconds(release(unobserved, nothing, untraced, null))],
  ['metrics', await nanoseconds(release(metering.observer, counted, untraced, null))],
  ['traces on, a request without a trace', await nanoseconds(release(unobserved, nothing, spans, null))],
  ['traces on, a traced request', await nanoseconds(release(unobserved, nothing, spans, traceparent), 20_000)],
  // Node follows the promises of all requests from then on
  ['traces on, a request without a trace after a traced one', await nanoseconds(release(unobserved, nothing, spans, null))],
];
printTable(
  ['', 'ns for each release'],
  rows.map(([name, ns]) => [name, whole(Math.max(0, ns - base))]),
);
await spans.close();
collector.close();
collector.closeAllConnections();
