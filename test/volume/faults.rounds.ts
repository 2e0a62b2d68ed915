import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Append, Appended } from '../../src/attribution/entry-log.js';
import { OAuthError } from '../../src/oauth/errors.js';
import type { Run } from '../../src/runs/run.js';
import { MemoryWorld, type MemoryReplica } from '../rig/memory-world.js';
import { randomOf, type Random } from '../rig/seeded-random.js';
import { TruthfulServer } from '../rig/truthful-server.js';
import { RetryModel } from './retry-model.js';
import { Sky } from './weather.js';

const rounds = Number(process.env['CORRIDOR_TEST_ROUNDS'] ?? 1);
const REQUESTS = 10_000;
const RUNS = 40;
const resources = ['crm', 'files', 'mail'];
const scopes = [['things:read'], ['things:list'], ['things:list', 'things:read']];

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

/** Runs whose number is even share their tokens with each other. */
const shares = (run: { readonly id: string }): boolean => Number(run.id.slice(3)) % 2 === 0;

/** Agents, one Corridor and one server, which all live through what a seed has for them. */
class Ordeal {
  readonly findings: string[] = [];
  readonly model = new RetryModel();
  readonly sky: Sky;
  released = 0;
  turnedAway = 0;
  attempts = 0;
  renewals = 0;
  readonly #world: MemoryWorld;
  readonly #replica: MemoryReplica;
  readonly #random: Random;
  /** Whoever was handed a text: a run, or the workflow. */
  readonly #domains = new Map<string, string>();
  readonly #intents: string[] = [];
  readonly #ends = new Set<number>();
  #server!: TruthfulServer;
  #runs: Run[] = [];

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.sky = new Sky(this.#random);
    const random = this.#random;
    this.#world = new MemoryWorld({
      http: (clock) => (this.#server = this.#weathered(new TruthfulServer(clock))),
      resources: Object.fromEntries(resources.map((id) => [id, {}])),
      policy: ({ run }) => ({ allow: true, obligations: { isolation: shares(run) ? 'workflow' : 'run' } }),
      // identifiers from the seed, and no jitter: the model counts to the millisecond
      randomness: { bytes: (length) => Uint8Array.from({ length }, () => (length === 1 ? 0 : Math.floor(random() * 256))) },
    });
    this.#world.log.keeping = false;
    this.#noteIntents();
    this.#replica = this.#world.replica();
    this.#runs = Array.from({ length: RUNS }, () => this.#world.start());
  }

  async endure(requests: number): Promise<void> {
    const asking = new Set<Promise<void>>();
    for (let asked = 0; asked < requests;) {
      if (this.#random() < 0.03) this.sky.change();
      if (this.#random() < 0.02) this.#replaceRun();
      for (let count = Math.min(requests - asked, 1 + Math.floor(this.#random() ** 3 * 60)); count > 0; count--, asked++) {
        const request = this.#ask().finally(() => asking.delete(request));
        asking.add(request);
      }
      await this.#pass(this.#random() < 0.05 ? 20_000 : this.#random() * 1_000);
    }
    await this.#pass(60_000);
    await this.#world.clock.pass(30_000); // in which no renewal begins, and all that is under way ends
    await Promise.all(asking);
    await this.#replica.renewTokens.settled();
    if (this.#world.log.open > 0) this.#found(`${this.#world.log.open} intents have no outcome`);
    this.#forget();
  }

  async #pass(milliseconds: number): Promise<void> {
    await this.#world.pass(Math.ceil(milliseconds), [this.#replica]);
  }

  async #ask(): Promise<void> {
    const run = this.#pick(this.#runs);
    const uri = `https://${this.#pick(resources)}.example/api`;
    const scope = this.#pick(scopes);
    const answer = await this.#replica.askOrBeTold(run, uri, scope);
    if (answer instanceof OAuthError) {
      this.turnedAway++;
      if (answer.code === 'temporarily_unavailable' && !((answer.detail.retryAfter ?? 0) >= 1)) this.#found('503 without Retry-After');
      return;
    }
    this.released++;
    const [text, now] = [answer.accessToken.reveal(), this.#world.clock.now()];
    const truth = this.#server.tokens.get(text);
    if (truth === undefined) return this.#found('a token that the server never issued');
    const domain = shares(run) ? 'workflow' : run.id;
    if ((this.#domains.get(text) ?? domain) !== domain) this.#found(`a token of ${this.#domains.get(text)} was handed to ${domain}`);
    this.#domains.set(text, domain);
    if (truth.resource !== uri) this.#found(`a token for ${truth.resource} was handed out for ${uri}`);
    if (truth.scope !== scope.join(' ') || answer.scope.toString() !== truth.scope)
      this.#found(`a token of ${truth.scope} for ${scope.join(' ')}`);
    if (now + answer.expiresIn * 1000 > truth.expiresAt) {
      this.#found(`a token is said to live for ${answer.expiresIn} s and has ${(truth.expiresAt - now) / 1000}`);
    }
  }

  #found(finding: string): void {
    if (this.findings.length < 20) this.findings.push(finding);
  }

  /** Everything that comes in at the server is asked of the model, and ends at a time of its own. */
  #weathered(server: TruthfulServer): TruthfulServer {
    server.latency = 0;
    server.behaviour = async (_, request, form) => {
      const { clock } = server;
      const key = this.#intents.shift();
      if (key === undefined) this.#found('an attempt without an intent');
      this.attempts++;
      const ended = this.model.begin(key ?? '', clock.now());
      let end = Math.ceil(clock.now() + this.sky.latency());
      while (this.#ends.has(end)) end++;
      this.#ends.add(end);
      await clock.sleep(end - clock.now());
      const { answer, meaning } = this.sky.happens(server, request, form);
      ended(meaning, clock.now());
      return answer;
    };
    return server;
  }

  /** The server cannot see for whom a token is, but the intent, which comes before, has the key. */
  #noteIntents(): void {
    const { log } = this.#world;
    const append = log.append.bind(log);
    log.append = async (items: readonly Append[]): Promise<readonly Appended[]> => {
      const appended = await append(items);
      items.forEach(({ effect, entry }, place) => {
        if (effect?.kind !== 'intent' || appended[place]?.verdict !== 'recorded') return;
        this.#intents.push(effect.cacheKey);
        if (entry.text.includes('"cause":"renewal"')) this.renewals++;
      });
      return appended;
    };
  }

  #replaceRun(): void {
    const place = Math.floor(this.#random() * this.#runs.length);
    const [over] = this.#runs.splice(place, 1, this.#world.start());
    if (over !== undefined) this.#world.end(over);
  }

  #forget(): void {
    const now = this.#world.clock.now();
    this.#world.log.forgetOver();
    this.#ends.clear();
    this.#server.calls.length = 0;
    for (const [text, { expiresAt }] of this.#server.tokens) {
      if (expiresAt > now) continue;
      this.#server.tokens.delete(text);
      this.#domains.delete(text);
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }
}

describe('a server with every fault there is', () => {
  const seed = Number(process.env['CORRIDOR_TEST_SEED'] ?? 1);
  const heaps: number[] = [];
  const ordeal = new Ordeal(seed);

  it.each(Array.from({ length: rounds }, (_, index) => index + 1))(
    `gets no expired or foreign token served, and no attempt too many: round %i of ${REQUESTS} requests`,
    async (round) => {
      const before = { ...ordeal };
      await ordeal.endure(REQUESTS);
      collectGarbage();
      heaps.push(process.memoryUsage().heapUsed / 2 ** 20);
      const told = (['released', 'turnedAway', 'attempts', 'renewals'] as const)
        .map((name) => `${ordeal[name] - before[name]} ${name}`)
        .join(', ');
      process.stdout.write(`faults: seed ${seed}, round ${round}: ${told}; heap ${Math.round(heaps.at(-1) ?? 0)} MB\n`);
      expect(ordeal.findings).toEqual([]);
      expect(ordeal.model.violations).toEqual([]);
      expect(unhandled).toEqual([]);
      expect(ordeal.released - before.released).toBeGreaterThan(REQUESTS / 10);
      expect(ordeal.turnedAway - before.turnedAway).toBeGreaterThan(REQUESTS / 100);
    },
    300_000,
  );

  it('has shown them all', () => {
    expect(Object.keys(ordeal.sky.happened).length).toBe(16);
    expect(ordeal.renewals).toBeGreaterThan(10);
  });

  it('leaves no more in memory in the second half of the rounds than in the first', () => {
    const half = Math.ceil(heaps.length / 2);
    const grown = Math.max(...heaps.slice(-half)) - Math.max(...heaps.slice(0, half)); // of one round it says nothing
    expect(grown).toBeLessThan(heaps.length < 10 ? 30 : 15); // caches fill in the first rounds
  });
});
