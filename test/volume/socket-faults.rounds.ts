import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OAuthError } from '../../src/oauth/errors.js';
import type { Run } from '../../src/runs/run.js';
import { UndiciUpstreamHttp } from '../../src/platform/upstream-http.js';
import { UpstreamHttp, type UpstreamRequest, type UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { hang, HostileAuthorizationServer, json, raw, reset, text, trickle, type Behaviour } from '../rig/hostile-authorization-server.js';
import { MemoryWorld, type MemoryReplica } from '../rig/memory-world.js';
import { randomOf } from '../rig/seeded-random.js';
import { SimulatedClock } from '../rig/simulated-clock.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 1);
const REQUESTS = 1_000;
const AT_ONCE = 25;
const resources = ['crm', 'files', 'mail'];
const DEADLINE = 400;
/** Seconds that a token lives. */
const LIFE = 3;

/** Time as it passes. */
class MachineClock extends SimulatedClock {
  override now(): number {
    return Date.now();
  }
}

/** As in earnest, but less patient. */
class ImpatientHttp extends UpstreamHttp {
  constructor(private readonly http: UndiciUpstreamHttp) {
    super();
  }
  override exchange(request: UpstreamRequest): Promise<UpstreamResponse> {
    return this.http.exchange({ ...request, deadline: request.method === 'GET' ? request.deadline : DEADLINE });
  }
}

describe('a server with faults that only sockets have', () => {
  const issued = new Map<string, { readonly resource: string; readonly expiresAt: number }>();
  const seed = Number(process.env['CORRIDOR_TEST_SEED'] ?? 1);
  const random = randomOf(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const happened = new Set<number>();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  const http = new UndiciUpstreamHttp();
  let server: HostileAuthorizationServer;
  let world: MemoryWorld;
  let replica: MemoryReplica;

  /** Every text that leaves was issued, also where its answer does not arrive whole. */
  function token(body: string): string {
    const access_token = `opaque-${randomUUID()}`;
    const resource = new URLSearchParams(body).get('resource') ?? '';
    issued.set(access_token, { resource, expiresAt: Date.now() + LIFE * 1_000 });
    return JSON.stringify({ access_token, token_type: 'Bearer', expires_in: LIFE });
  }
  const issue: Behaviour = (response, request) => json(token(request.body))(response, request);
  const faults: readonly Behaviour[] = [
    hang,
    reset,
    json('', 429, { 'retry-after': '1' }),
    text('<html>', 503),
    raw('HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-type: application/json\r\n\r\n{"access_'),
    raw('SSH-2.0-OpenSSH\r\n'),
    (response: ServerResponse, request) => trickle(token(request.body), 40)(response, request),
    (response: ServerResponse, request) => trickle(token(request.body), 1)(response, request),
    (response: ServerResponse, request) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(token(request.body));
      setTimeout(() => response.destroy(), 20);
    },
  ];

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    server = (await HostileAuthorizationServer.start()).publish().at('/revoke', json({}));
    server.at('/token', (response, request) => {
      if (random() < 0.7) return issue(response, request);
      const fault = Math.floor(random() * faults.length);
      happened.add(fault);
      return (faults[fault] ?? issue)(response, request);
    });
    world = new MemoryWorld({
      clock: new MachineClock(),
      http: () => new ImpatientHttp(http),
      server: { issuer: server.issuer, allowHosts: ['127.0.0.1'] },
      resources: Object.fromEntries(resources.map((id) => [id, {}])),
    });
    world.log.keeping = false;
    replica = world.replica();
  });
  afterAll(async () => {
    process.off('unhandledRejection', note);
    await http.close();
    await server.stop();
  });

  it.each(Array.from({ length: rounds }, (_, index) => index + 1))(
    `gets no expired or foreign token served: round %i of ${REQUESTS} requests`,
    async (round) => {
      const findings: string[] = [];
      const counts = { released: 0, turnedAway: 0 };
      const holders = new Map<string, string>();
      let runs: Run[] = [];
      const ask = async (): Promise<void> => {
        const [run, id] = [pick(runs), pick(resources)];
        const began = Date.now(); // until the answer is here others have their turn
        const answer = await replica.askOrBeTold(run, `https://${id}.example/api`);
        if (answer instanceof OAuthError) return void counts.turnedAway++;
        counts.released++;
        const given = answer.accessToken.reveal();
        const truth = issued.get(given);
        if (truth?.resource !== `https://${id}.example/api`)
          findings.push(`a token for ${String(truth?.resource)} was handed out for ${id}`);
        if (began > (truth?.expiresAt ?? 0)) findings.push('a token that has expired was handed out');
        if ((holders.get(given) ?? run.id) !== run.id) findings.push('a token of another run was handed out');
        holders.set(given, run.id);
      };
      for (let asked = 0; asked < REQUESTS; asked += AT_ONCE) {
        if (asked % 250 === 0) runs = Array.from({ length: 20 }, () => world.start());
        if (asked % 50 === 0) {
          await replica.renewTokens.settled();
          replica = world.replica(); // one that remembers no failures, so that there is something to see
        }
        // once in a round a replica has tokens that are over, and is asked by those whose they were
        if (asked === REQUESTS / 2 + AT_ONCE) await wait(LIFE * 1_000);
        await Promise.all([wait(20), ...Array.from({ length: AT_ONCE }, ask)]);
        await replica.renewTokens.turn();
      }
      await replica.renewTokens.settled();
      process.stdout.write(`socket faults: seed ${seed}, round ${round}: ${counts.released} released, ${counts.turnedAway} turned away\n`);
      expect(findings).toEqual([]);
      expect(unhandled).toEqual([]);
      expect(world.log.open).toBe(0);
      expect(counts.released).toBeGreaterThan(REQUESTS / 10);
      server.requests.length = 0;
      issued.clear();
    },
    120_000,
  );

  it('has shown most of them', () => {
    expect(happened.size).toBeGreaterThan(faults.length / 2);
  });
});
