import { once } from 'node:events';
import http from 'node:http';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Decided } from '../../src/issuance/decided.js';
import type { Answer } from '../../src/issuance/answer.js';
import { Circuits } from '../../src/issuance/circuits.js';
import type { Facts } from '../../src/issuance/facts.js';
import { metrics, mostValues, type Metric } from '../../src/platform/metrics/definitions.js';
import { Metering, type Watched } from '../../src/platform/metrics/metering.js';
import { fillMetricsPage } from '../../src/platform/metrics/metrics-page.js';
import { MetricsListener } from '../../src/platform/metrics/metrics-listener.js';
import { SeenNowAndThen } from '../../src/platform/metrics/seen-now-and-then.js';
import type { Platform } from '../../src/platform/platform.js';
import type { Row } from '../../src/store/database.js';
import { DatabaseUnavailable } from '../../src/store/database.js';
import { UpstreamExchangeFailed } from '../../src/upstreams/upstream-http.js';
import { readProjectFile } from '../catalogue/example.js';
import { freePort } from '../rig/corridor.js';
import { MemoryWorld } from '../rig/memory-world.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { response } from '../upstreams/answers.js';

/** A Corridor of which only that exists that metrics look at. */
class Scene {
  readonly http = new ScriptedHttp({
    'https://as.example/token': response(200, '{}'),
    'https://as.example/busy': response(503, ''),
    'https://as.example/dead': new UpstreamExchangeFailed('unreachable', false),
  });
  readonly world = new MemoryWorld({ http: () => this.http });
  readonly questions: string[] = [];
  readonly faults: unknown[] = [];
  database: 'up' | 'down' = 'up';
  facts: Facts = this.world.facts;
  drills: readonly Readonly<Record<string, unknown>>[] = [];
  /** What is told of Redis. */
  readonly redis = { up: true, failures: 0 };
  readonly circuits = new Circuits(this.world.clock, this.world.randomness);
  /** The revision that cannot be evaluated. */
  unusable: string | null = null;
  readonly metering: Metering;
  readonly print: () => Promise<string>;

  constructor() {
    const { clock } = this.world;
    const query = async (sql: string): Promise<readonly Row[]> => {
      this.questions.push(sql);
      if (this.database === 'down') throw new DatabaseUnavailable('gone');
      if (sql.includes('from work'))
        return [
          { kind: 'end_run', waiting: 1, overdue: 400, attempts: 0, given_up: 0 },
          { kind: 'revoke', waiting: 2, overdue: 12.5, attempts: 3, given_up: 1 },
        ];
      return [{ live: 5, unrevocable: 1, pending: 2, open: 3, unknown: 4 }];
    };
    const evaluator = { evaluate: () => Promise.resolve({ kind: 'value', value: {} }) };
    const faultLog = { write: (error: unknown) => void this.faults.push(error) };
    const securityLog = { write: () => undefined };
    const shared = { health: this.redis };
    const platform = { http: this.http, evaluator, clock, faultLog, securityLog, shared, database: { query } } as unknown as Platform;
    this.metering = new Metering(platform, { host: '127.0.0.1', port: 0 });
    const versions = { inUse: () => Promise.resolve([{ client: 'indexer', state: 'current', createdAt: clock.now() - 60_000 }]) };
    const watched = {
      facts: { current: () => Promise.resolve(this.facts), latest: () => Promise.resolve(this.facts) },
      versions,
      search: { find: () => Promise.resolve({ entries: this.drills, next: null }) },
      circuits: this.circuits,
      activatePolicy: { isUnusable: (revision: string) => revision === this.unusable },
    } as unknown as Watched;
    const page = this.metering.page(watched);
    this.print = () => page.print();
  }

  /** The lines of Corridor's own metrics that have values, sorted. */
  async lines(...names: readonly string[]): Promise<readonly string[]> {
    const lines = (await this.print())
      .split('\n')
      .filter((line) => names.some((name) => line.startsWith(`${name} `) || line.startsWith(`${name}{`)));
    return lines.sort();
  }

  answered(kind: Decided['kind'], code: string | null, answer: Partial<Answer>): void {
    const decided = {
      kind,
      decision: { reasons: code === null ? [] : [{ code }, { code: 'second' }] },
      admitted: { server: { id: 'demo' } },
    };
    this.metering.observer.answered(decided as unknown as Decided, answer as Answer);
  }
}

describe('what is counted', () => {
  it('is each decision by its first reason, each release by its origin, and each miss', async () => {
    const scene = new Scene();
    for (const from of ['cached', 'cached', 'shared', 'fresh'] as const) scene.answered('allowed', 'granted', { kind: 'released', from });
    scene.answered('allowed', 'granted', { kind: 'turned_away', fault: 'timeout' });
    scene.answered('denied', 'no_grant', { kind: 'turned_away' });
    scene.answered('refused', null, { kind: 'turned_away' });
    scene.answered('allowed', 'granted', { kind: 'again', verdict: 'stale' });
    scene.metering.observer.limited();
    scene.metering.observer.renewed('later');
    expect(await scene.lines('corridor_decisions_total', 'corridor_releases_total', 'corridor_cache_misses_total')).toEqual([
      'corridor_cache_misses_total 3',
      'corridor_decisions_total{outcome="allowed",reason="granted"} 5',
      'corridor_decisions_total{outcome="denied",reason="no_grant"} 1',
      'corridor_decisions_total{outcome="refused",reason="none"} 1',
      'corridor_decisions_total{outcome="refused",reason="rate_limited"} 1',
      'corridor_releases_total{from="cached"} 2',
      'corridor_releases_total{from="fresh"} 1',
      'corridor_releases_total{from="shared"} 1',
    ]);
    expect(await scene.lines('corridor_token_faults_total', 'corridor_renewals_total')).toEqual([
      'corridor_renewals_total{outcome="later"} 1',
      'corridor_token_faults_total{authorization_server="demo",fault="timeout"} 1',
    ]);
    // reading them counts nothing
    expect(await scene.lines('corridor_cache_misses_total')).toEqual(['corridor_cache_misses_total 3']);
  });

  it('has no more values of a label than are told apart', async () => {
    const scene = new Scene();
    for (let code = 0; code < 3 * mostValues; code++) scene.answered('denied', `code_${code}`, { kind: 'turned_away' });
    const lines = await scene.lines('corridor_decisions_total');
    expect(lines).toHaveLength(mostValues + 1);
    expect(lines).toContain(`corridor_decisions_total{outcome="denied",reason="other"} ${2 * mostValues}`);
  });

  it('is the time of each exchange upstream, by server and kind, and what went wrong', async () => {
    const scene = new Scene();
    const { http: measured } = scene.metering.measured();
    const request = { method: 'POST', headers: {}, deadline: 1_000, maxBody: 1_000, allowHosts: [] } as const;
    await measured.exchange({ ...request, server: 'demo', kind: 'token', url: 'https://as.example/token' });
    await measured.exchange({ ...request, server: 'demo', kind: 'revocation', url: 'https://as.example/busy' });
    await expect(measured.exchange({ ...request, kind: 'keys', url: 'https://as.example/dead' })).rejects.toThrow('unreachable');
    expect(await scene.lines('corridor_upstream_request_seconds_count', 'corridor_upstream_errors_total')).toEqual([
      'corridor_upstream_errors_total{authorization_server="demo",kind="revocation",class="http_5xx"} 1',
      'corridor_upstream_errors_total{authorization_server="none",kind="keys",class="unreachable"} 1',
      'corridor_upstream_request_seconds_count{authorization_server="demo",kind="revocation"} 1',
      'corridor_upstream_request_seconds_count{authorization_server="demo",kind="token"} 1',
      'corridor_upstream_request_seconds_count{authorization_server="none",kind="keys"} 1',
    ]);
  });

  it('is each request by the pattern of its route, and the time of token requests', async () => {
    const scene = new Scene();
    scene.metering.answered('/oauth2/token', 200, 0.002);
    scene.metering.answered('/v1/runs/:id', 404, 0.002);
    scene.metering.observer.flushed(3, 4);
    expect(await scene.lines('corridor_http_requests_total', 'corridor_token_request_seconds_count')).toEqual([
      'corridor_http_requests_total{route="/oauth2/token",status="2xx"} 1',
      'corridor_http_requests_total{route="/v1/runs/:id",status="4xx"} 1',
      'corridor_token_request_seconds_count 1',
    ]);
    expect(await scene.lines('corridor_flush_entries_sum', 'corridor_flush_seconds_sum')).toEqual([
      'corridor_flush_entries_sum 3',
      'corridor_flush_seconds_sum 0.004',
    ]);
  });
});

describe('what is looked at when metrics are read', () => {
  it('is exposure, work, credentials, facts and circuits', async () => {
    const scene = new Scene();
    const turn = await scene.circuits.enter('demo indexer cre01 https://as.example/token');
    if (turn.kind === 'turn') turn.ended({ fault: 'throttled', retryAfter: 30 });
    const gauges = ['live_tokens', 'unrevocable_tokens', 'pending_revocations', 'open_intents', 'unknown_outcomes'];
    expect(await scene.lines(...gauges.map((name) => `corridor_${name}`))).toEqual([
      'corridor_live_tokens 5',
      'corridor_open_intents 3',
      'corridor_pending_revocations 2',
      'corridor_unknown_outcomes 4',
      'corridor_unrevocable_tokens 1',
    ]);
    const others = [
      'work_waiting',
      'work_overdue_seconds',
      'work_most_attempts',
      'work_given_up',
      'credential_age_seconds',
      'policy_active',
    ];
    expect(await scene.lines(...others.map((name) => `corridor_${name}`), 'corridor_circuit_open', 'corridor_database_up')).toEqual([
      'corridor_circuit_open{authorization_server="demo",client="indexer"} 1',
      'corridor_credential_age_seconds{client="indexer"} 60',
      'corridor_database_up 1',
      'corridor_policy_active 1',
      'corridor_work_given_up{kind="end_run"} 0',
      'corridor_work_given_up{kind="revoke"} 1',
      'corridor_work_most_attempts{kind="end_run"} 0',
      'corridor_work_most_attempts{kind="revoke"} 3',
      'corridor_work_overdue_seconds{kind="end_run"} 400',
      'corridor_work_overdue_seconds{kind="revoke"} 12.5',
      'corridor_work_waiting{kind="end_run"} 1',
      'corridor_work_waiting{kind="revoke"} 2',
    ]);
  });

  it('is that no policy can be evaluated, though one is active', async () => {
    const scene = new Scene();
    scene.unusable = scene.facts.policyRevision;
    expect(await scene.lines('corridor_policy_active')).toEqual(['corridor_policy_active 0']);
  });

  it('is how far facts have moved since they were read last', async () => {
    const scene = new Scene();
    await scene.print();
    scene.facts = { ...scene.facts, epoch: { ...scene.facts.epoch, number: 4 }, policyRevision: null };
    expect(await scene.lines('corridor_facts_epoch', 'corridor_facts_epoch_changes_total', 'corridor_policy_active')).toEqual([
      'corridor_facts_epoch 4',
      'corridor_facts_epoch_changes_total 3',
      'corridor_policy_active 0',
    ]);
  });

  it('is the slowest replica of the last drill, for ever when one refused nothing, and nothing before the first', async () => {
    const drill = (...refused: (number | null)[]): Scene => {
      const scene = new Scene();
      const replicas = refused.map((refused_ms) => ({ url: 'http://a', refused_ms, let_through: refused_ms === null ? 3 : 0 }));
      scene.drills = [{ time: '2026-01-01T00:00:00.000Z', type: 'suspension.drilled', replicas }];
      return scene;
    };
    const names = ['corridor_stop_drill_seconds', 'corridor_stop_drill_let_through', 'corridor_stop_drill_timestamp_seconds'];
    expect(await new Scene().lines(...names)).toEqual([]);
    expect(await drill(12.5, 40).lines(...names)).toEqual([
      'corridor_stop_drill_let_through 0',
      'corridor_stop_drill_seconds 0.04',
      'corridor_stop_drill_timestamp_seconds 1767225600',
    ]);
    expect(await drill(12.5, null).lines(...names)).toContain('corridor_stop_drill_seconds +Inf');
  });

  it('is left out where the database does not answer, and all else is told', async () => {
    const scene = new Scene();
    scene.database = 'down';
    scene.answered('allowed', 'granted', { kind: 'released', from: 'cached' });
    const text = await scene.print();
    expect(text).toContain('corridor_database_up 0');
    expect(text).toContain('corridor_releases_total{from="cached"} 1');
    expect(text).not.toMatch(/^corridor_(live_tokens|work_waiting|credential_age_seconds|credential_rotation_overdue)[ {]/m);
    expect(scene.faults).toHaveLength(1);
  });

  it('is whether Redis is lost, and what it did not answer', async () => {
    const scene = new Scene();
    const names = ['corridor_redis_lost', 'corridor_redis_failures_total'];
    expect(await scene.lines(...names)).toEqual(['corridor_redis_failures_total 0', 'corridor_redis_lost 0']);
    Object.assign(scene.redis, { up: false, failures: 3 });
    expect(await scene.lines(...names)).toEqual(['corridor_redis_failures_total 3', 'corridor_redis_lost 1']);
  });

  it('asks the database once in a while, however often it is read', async () => {
    const scene = new Scene();
    await Promise.all([scene.print(), scene.print()]);
    await scene.print();
    expect(scene.questions).toHaveLength(2); // exposure and work
  });
});

describe('what is seen now and then', () => {
  it('is looked at again when its time has come, and is nothing when it does not come in time', async () => {
    let now = 0;
    let looks = 0;
    let hangs = false;
    const look = (): Promise<number> => (hangs ? new Promise(() => undefined) : Promise.resolve(++looks));
    const seen = new SeenNowAndThen(
      look,
      () => undefined,
      15_000,
      10,
      () => now,
    );
    expect([await seen.get(), await seen.get()]).toEqual([1, 1]);
    now = 14_999;
    expect(await seen.get()).toBe(1);
    now = 15_000;
    expect(await seen.get()).toBe(2);
    now = 30_000;
    hangs = true;
    expect(await seen.get()).toBeNull();
  });
});

describe('the listener', () => {
  it('answers GET /metrics and nothing else', async () => {
    const port = await freePort();
    const page = { contentType: 'text/plain; version=0.0.4; charset=utf-8', print: () => Promise.resolve('a 1\n') };
    const listener = await MetricsListener.open(page, { host: '127.0.0.1', port }, () => undefined);
    const url = `http://127.0.0.1:${port}`;
    const answer = await fetch(`${url}/metrics`);
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, page.contentType, 'a 1\n']);
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
    // one that stays open keeps nothing from closing
    const agent = new http.Agent({ keepAlive: true });
    const [kept] = (await once(http.get(`${url}/metrics`, { agent }), 'response')) as [http.IncomingMessage];
    await once(kept.resume(), 'end');
    await listener.close();
    agent.destroy();
    await expect(fetch(`${url}/metrics`)).rejects.toThrow();
  });
});

describe('the metrics', () => {
  const all = Object.values<Metric>(metrics);

  it('have names with units, few labels, and none that names a run, a token or an address', () => {
    for (const { name, type, labels, buckets } of all) {
      expect(name).toMatch(/^corridor(_[a-z]+)+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(buckets !== undefined).toBe(type === 'histogram');
      const known = [
        'outcome',
        'reason',
        'from',
        'authorization_server',
        'client',
        'fault',
        'kind',
        'class',
        'route',
        'status',
        'event',
        'surface',
        'result',
      ];
      expect(known).toEqual(expect.arrayContaining(Object.keys(labels)));
    }
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it('stand on their page as in the code (node scripts/write-metrics.mjs after a build)', () => {
    const page = readProjectFile('docs/metrics.md');
    const words = (text: string): string[] =>
      text
        .split('\n')
        .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim())
        .filter((line) => line !== '');
    expect(words(page)).toEqual(words(fillMetricsPage(page)));
  });

  it('are what dashboard and rules go by, each with labels that it has', () => {
    const expressions = [...rules().map(({ expr }) => expr), ...panels()];
    expect(expressions.length).toBeGreaterThan(50);
    for (const expression of expressions) {
      for (const [, name = '', selector = ''] of expression.matchAll(/\b(corridor_[a-z_]+)(?:\{([^}]*)\})?/g)) {
        const metric = all.find((each) => each.name === name.replace(each.type === 'histogram' ? /_(bucket|sum|count)$/ : /$^/, ''));
        expect([name, metric?.name]).toEqual([name, expect.any(String)]);
        const labels = [...selector.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label).filter((label) => label !== 'job');
        expect(Object.keys(metric?.labels ?? {})).toEqual(expect.arrayContaining(labels));
      }
    }
  });

  it('have rules that say what to do', () => {
    for (const { alert, labels, annotations } of rules()) {
      expect(alert).toMatch(/^Corridor[A-Z]/);
      expect(['page', 'ticket']).toContain(labels.severity);
      expect([annotations.summary, annotations.do]).toEqual([expect.any(String), expect.any(String)]);
    }
  });
});

const ruleFile = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.string() }),
          annotations: z.object({ summary: z.string(), do: z.string() }),
        }),
      ),
    }),
  ),
});

function rules() {
  return ruleFile.parse(parse(readProjectFile('deploy/prometheus/alerts.yml'))).groups.flatMap((group) => group.rules);
}

function panels(): readonly string[] {
  const dashboard = z.object({ panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).optional() })) });
  return dashboard
    .parse(JSON.parse(readProjectFile('deploy/grafana/corridor.json')))
    .panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}
