import { InvalidScope } from '../../src/oauth/errors.js';
import { OtelSpans } from '../../src/platform/tracing/otel-spans.js';
import { TracedHttp } from '../../src/platform/tracing/traced-ports.js';
import { response } from '../upstreams/answers.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { awake } from '../rig/awake.js';
import { TraceCollector } from '../rig/trace-collector.js';

const trace = 'ab'.repeat(16);
const sampled = `00-${trace}-${'cd'.repeat(8)}-01`;

describe('traces', () => {
  let collector: TraceCollector;
  let spans: OtelSpans;
  beforeEach(async () => {
    collector = await TraceCollector.start();
    spans = new OtelSpans(collector.url);
  });
  afterEach(async () => {
    await spans.close();
    await collector.stop();
  });

  it('hang together, each request by itself, however many are under way', async () => {
    const one = async (number: number): Promise<void> => {
      const own = `${String(number).padStart(2, '0')}`.repeat(16);
      await spans.request(`00-${own}-${'cd'.repeat(8)}-01`, async (span) => {
        span.note({ number });
        await spans.step('decide', () => new Promise((resolve) => setTimeout(resolve, number % 3)));
        await spans.step('obtain', () => spans.step('record', () => Promise.resolve()));
      });
    };
    await Promise.all([1, 2, 3, 4].map(one));
    await spans.close();
    expect(collector.spans).toHaveLength(16);
    for (const { traceId, spanId: id, attributes } of collector.spans.filter(({ name }) => name.startsWith('POST'))) {
      expect(attributes).toEqual({ number: Number(traceId.slice(0, 2)) });
      const ofTrace = collector.spans.filter((span) => span.traceId === traceId);
      const named = (name: string) => ofTrace.find((span) => span.name === name);
      expect([named('decide')?.parentSpanId, named('obtain')?.parentSpanId]).toEqual([id, id]);
      expect(named('record')?.parentSpanId).toBe(named('obtain')?.spanId);
    }
  });

  it('are of requests alone that their agent samples', async () => {
    for (const traceparent of [null, sampled.replace(/01$/, '00'), `00-${'0'.repeat(32)}-${'cd'.repeat(8)}-01`]) {
      const given = await spans.request(traceparent, () => spans.step('decide', () => Promise.resolve('a decision')));
      expect(given).toBe('a decision');
    }
    expect(await spans.step('record', () => Promise.resolve('outside of any request'))).toBe('outside of any request');
    await spans.close();
    expect(collector.received).toBe('');
  });

  it('tell the code of an error and none of its words', async () => {
    const failing = spans.request(sampled, () => Promise.reject(new InvalidScope('words that may hold anything')));
    await expect(failing).rejects.toThrow(InvalidScope);
    await spans.close();
    expect(collector.spans).toMatchObject([{ attributes: { 'error.type': 'invalid_scope' }, status: { code: 2 } }]);
    expect(collector.received).not.toContain('words');
  });

  it('are told to authorization servers of the catalogue, and to nobody else', async () => {
    const http = new ScriptedHttp({ 'https://as.example/token': response(200, '{}'), 'https://ci.example/keys': response(200, '{}') });
    const traced = new TracedHttp(http, spans);
    const request = { method: 'GET', headers: { accept: 'text/plain' }, deadline: 1_000, maxBody: 1_000, allowHosts: [] } as const;
    await traced.exchange({ ...request, server: 'demo', kind: 'token', url: 'https://as.example/token' });
    await spans.request(sampled, async () => {
      await traced.exchange({ ...request, server: 'demo', kind: 'token', url: 'https://as.example/token' });
      await traced.exchange({ ...request, kind: 'keys', url: 'https://ci.example/keys' });
    });
    await spans.close();
    const [untraced, told, stranger] = http.requests;
    const sent = collector.spans.find(({ name }) => name === 'GET token');
    expect(told?.headers).toEqual({ accept: 'text/plain', traceparent: `00-${trace}-${sent?.spanId}-01` });
    expect([untraced?.headers, stranger?.headers]).toEqual([request.headers, request.headers]);
    expect(sent?.attributes).toMatchObject({ 'corridor.authorization_server': 'demo', 'http.response.status_code': 200 });
  });

  it('are dropped where nobody takes them, and delay nothing', async () => {
    collector.hangs = true;
    const begun = awake();
    for (let request = 0; request < 5_000; request++) await spans.request(sampled, () => Promise.resolve());
    expect(awake() - begun).toBeLessThan(5_000);
    await spans.close();
    expect(awake() - begun).toBeLessThan(10_000);
    // 512 at a time, and what waits is bounded
    expect(collector.received.split('"spanId"').length - 1).toBeLessThan(3_000);
  });
});
