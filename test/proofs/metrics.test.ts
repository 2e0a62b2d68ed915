import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { parse } from 'yaml';
import { metrics } from '../../src/platform/metrics/definitions.js';
import { readProjectFile } from '../catalogue/example.js';
import { basic, crm, form, issue, TokenDoor, type SecretRun } from '../http/token-door.js';
import { corridorCommand, until } from '../rig/command-line.js';
import { freePort } from '../rig/corridor.js';
import { valueOf } from '../rig/metrics-text.js';

describe('the metrics of a running Corridor', () => {
  let door: TokenDoor;
  let url: string;
  let run: SecretRun;
  let text: string;
  let token: unknown;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/metrics`;
    door = await TokenDoor.open({ env: { CORRIDOR_METRICS_PORT: String(port) } });
    run = await door.startRun({ operator: 'ada@example.com' });
    ({ access_token: token } = (await door.ask(run)).body);
    await door.ask(run);
    await door.ask(run);
    await door.ask(run, { resource: crm, scope: 'crm:write' });
    const other = await door.startRun();
    door.server.at('/token', async (response, request) => {
      await wait(2_000);
      await issue()(response, request);
    });
    await Promise.all([door.ask(other), door.ask(other)]);
    door.server.at('/token', (response) => void response.writeHead(503).end());
    await door.ask(await door.startRun());
    await door.ask({ ...run, secret: 'wrong' });
    const drilled = await corridorCommand(['suspend', '--drill'], {
      CORRIDOR_URL: door.corridor.url,
      CORRIDOR_KEY: door.corridor.adminKey,
    });
    expect(drilled).toMatchObject({ code: 0 });
    // a page for which the database had no time says that, and little else
    await until(async () => {
      text = await (await fetch(url)).text();
      return value('corridor_database_up') === 1;
    });
  }, 120_000);
  afterAll(() => door.close());

  const value = (series: string): number => valueOf(text, series);

  it('tell what became of requests', () => {
    expect(value('corridor_releases_total{from="fresh"}')).toBe(2);
    expect(value('corridor_releases_total{from="shared"}')).toBe(1);
    expect(value('corridor_releases_total{from="cached"}')).toBe(2);
    expect(value('corridor_cache_misses_total')).toBe(4);
    expect(value('corridor_decisions_total{outcome="allowed",reason="granted"}')).toBe(6);
    expect(value('corridor_decisions_total{outcome="denied",reason="scope_not_granted"}')).toBe(1);
    expect(value('corridor_token_faults_total{authorization_server="upstream",fault="server_unavailable"}')).toBe(1);
    expect(value('corridor_security_events_total{event="authentication_failed",surface="token"}')).toBe(1);
    expect(value('corridor_http_requests_total{route="/oauth2/token",status="5xx"}')).toBe(1);
    expect(value('corridor_http_requests_total{route="/v1/runs",status="2xx"}')).toBe(3);
    expect(value('corridor_upstream_request_seconds_count{authorization_server="upstream",kind="token"}')).toBe(3);
    expect(value('corridor_upstream_errors_total{authorization_server="upstream",kind="token",class="http_5xx"}')).toBe(1);
    expect(value('corridor_policy_evaluation_seconds_count{result="value"}')).toBeGreaterThanOrEqual(3);
    expect(value('corridor_flush_entries_sum')).toBeGreaterThan(6);
    expect(value('corridor_flush_seconds_count')).toBeGreaterThan(3);
    expect(value('corridor_token_request_seconds_count')).toBeGreaterThan(5);
  });

  it('tell how it stands', () => {
    expect(value('corridor_live_tokens')).toBe(2);
    expect(value('corridor_policy_active')).toBe(1);
    expect(value('corridor_database_up')).toBe(1);
    expect(value('corridor_facts_epoch')).toBeGreaterThan(3);
    expect(value('corridor_stop_drill_seconds')).toBeGreaterThan(0);
    expect(value('corridor_stop_drill_let_through')).toBe(0);
    expect(value('corridor_credential_rotation_overdue{client="indexer"}')).toBe(0);
    expect(value('corridor_circuit_open{authorization_server="upstream",client="indexer"}')).toBe(0);
    expect(Math.abs(value('corridor_clock_drift_seconds'))).toBeLessThan(5);
  });

  it('are all that dashboard and rules go by, all on the dashboard, and all that their page names', () => {
    const families = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
      ),
    );
    const used = [readProjectFile('deploy/prometheus/alerts.yml'), readProjectFile('deploy/grafana/corridor.json')].flatMap((file) =>
      namesIn(file),
    );
    const named = [...readProjectFile('docs/metrics.md').matchAll(/`((?:corridor|process|nodejs)_[a-z0-9_]+)`/g)].map(
      ([, name = '']) => name,
    );
    const shown = namesIn(readProjectFile('deploy/grafana/corridor.json')).map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect(Object.values(metrics).filter(({ name }) => !shown.includes(name))).toEqual([]);
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter((name) => !families.has(name))).toEqual([]);
    expect(named.filter((name) => !families.has(name) && !families.has(`${name}_count`))).toEqual([]);
  });

  it('name no run, no token, no address and nobody', () => {
    for (const secret of [run.id, run.secret, String(token), '127.0.0.1', 'ada@', 'opaque-', 'crm']) expect(text).not.toContain(secret);
  });

  it('bring no traces with them', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const before = door.upstreamRequests;
    const { id, secret } = await door.startRun();
    door.server.at('/token', issue());
    await until(async () => {
      const { status } = await door.send(form({ grant_type: 'client_credentials', resource: crm }), {
        authorization: basic(id, secret),
        traceparent,
      });
      return status === 200;
    });
    expect(door.upstreamRequests).toBeGreaterThan(before);
    expect(door.server.requests.filter(({ headers }) => 'traceparent' in headers)).toEqual([]);
  });

  it('are out of reach of agents', async () => {
    for (const route of ['/metrics', '/oauth2/metrics', '/v1/metrics']) expect((await fetch(door.corridor.url + route)).status).toBe(404);
  });

  it('are asked for with what can be had, or Corridor does not start', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const env = { CORRIDOR_DATA_DIR: door.corridor.dataDir, CORRIDOR_PORT: '0' };
    expect(await corridorCommand(['serve'], { ...env, CORRIDOR_METRICS_PORT: port })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^Port \d+ at 127\.0\.0\.1 is in use .*set CORRIDOR_METRICS_PORT/),
    });
    taken.close();
    const wrongs: Record<string, string>[] = [
      { CORRIDOR_METRICS_PORT: 'x' },
      { CORRIDOR_METRICS_HOST: '::1' },
      { CORRIDOR_PORT: port, CORRIDOR_METRICS_PORT: port },
    ];
    for (const wrong of wrongs)
      expect(await corridorCommand(['serve'], { ...env, ...wrong })).toMatchObject({
        code: 1,
        err: expect.stringContaining('CORRIDOR_METRICS_'),
      });
  });
});

/** Names of metrics in the expressions of a file of rules, or of a dashboard. */
function namesIn(file: string): readonly string[] {
  const expressions: string[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, member] of Object.entries(node)) {
      if (key === 'expr' && typeof member === 'string') expressions.push(member);
      else walk(member);
    }
  };
  walk(parse(file));
  return expressions.flatMap((expression) => [...expression.matchAll(/\b(?:corridor|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name));
}
