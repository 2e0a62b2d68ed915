import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { basic, crm, form, TokenDoor, type SecretRun } from '../http/token-door.js';
import { until } from '../rig/command-line.js';
import { TraceCollector, type CollectedSpan } from '../rig/trace-collector.js';

describe('a trace through Corridor', () => {
  const trace = 'ab'.repeat(16);
  const agent = 'cd'.repeat(8);
  let collector: TraceCollector;
  let door: TokenDoor;
  beforeAll(async () => {
    collector = await TraceCollector.start();
    door = await TokenDoor.open({
      env: {
        CORRIDOR_OTLP_ENDPOINT: `${collector.url}/`,
        CORRIDOR_OTLP_HEADERS: 'x-tenant=agents,authorization=Bearer%20of-the-collector',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await door.close();
    await collector.stop();
  });

  const ask = (run: SecretRun, flags = '01') =>
    door.send(form({ grant_type: 'client_credentials', resource: crm }), {
      authorization: basic(run.id, run.secret),
      traceparent: `00-${trace}-${agent}-${flags}`,
    });
  const upstream = () => door.server.requestsAt('/token').map(({ headers }) => headers['traceparent']);
  const child = (parent: string | undefined, name: string): CollectedSpan | undefined =>
    collector.spans.find((span) => span.parentSpanId === parent && span.name === name);

  it("goes from the agent's request to the authorization server, and tells nothing that is secret", async () => {
    const run = await door.startRun({ operator: 'ada@example.com' });
    const { status, body } = await ask(run);
    expect(status).toBe(200);
    await until(() => child(agent, 'POST /oauth2/token') !== undefined);
    expect(collector.authorization).toBe('Bearer of-the-collector');
    expect(collector.spans.every(({ traceId }) => traceId === trace)).toBe(true);

    const request = child(agent, 'POST /oauth2/token');
    expect(request?.attributes).toMatchObject({
      'corridor.run': run.id,
      'corridor.workflow': 'nightly-index',
      'corridor.resource': 'crm',
      'corridor.outcome': 'allowed',
      'corridor.from': 'fresh',
      'corridor.entry': body['attribution'],
      'corridor.decision': expect.stringMatching(/^dec/),
    });
    expect(child(request?.spanId, 'decide')).toBeDefined();
    const obtained = collector.spans.filter(({ name, parentSpanId }) => name === 'obtain' && parentSpanId === request?.spanId);
    const sent = obtained.map(({ spanId }) => child(spanId, 'POST token')).find((span) => span !== undefined);
    expect(sent?.attributes).toMatchObject({ 'corridor.authorization_server': 'upstream', 'http.response.status_code': 200 });
    expect(upstream()).toEqual([`00-${trace}-${sent?.spanId}-01`]);
    const recorded = collector.spans.filter(({ name, parentSpanId }) => name === 'record' && parentSpanId === sent?.parentSpanId);
    expect(recorded.map(({ attributes }) => attributes['corridor.entry_type'])).toEqual(['token.requested', 'token.issued']);
    for (const secret of [run.secret, String(body['access_token']), 'a-secret-of-the-upstream-client', 'ada@', 'Basic ', 'opaque-'])
      expect(collector.received).not.toContain(secret);
  });

  it('is not begun where the agent does not sample it', async () => {
    const before = collector.spans.length;
    const run = await door.startRun();
    expect((await ask(run, '00')).status).toBe(200);
    expect((await door.ask(run)).status).toBe(200);
    expect(upstream().at(-1)).toBeUndefined();
    // what is traced after it arrives, and so would have it
    await ask(run);
    const requests = (): readonly CollectedSpan[] => collector.spans.slice(before).filter(({ name }) => name.startsWith('POST'));
    await until(() => requests().length > 0);
    expect(requests()).toHaveLength(1);
  });

  it('delays nobody when its collector does not answer', async () => {
    collector.hangs = true;
    const run = await door.startRun();
    for (let request = 0; request < 20; request++) expect((await ask(run)).status).toBe(200);
    collector.hangs = false;
  });
});
