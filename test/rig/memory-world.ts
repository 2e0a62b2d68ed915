import { randomBytes } from 'node:crypto';
import { FaultLog } from '../../src/access/fault-log.js';
import { EntryMaker } from '../../src/attribution/entry.js';
import type { AuthorizationServer, Catalogue, Client, Resource } from '../../src/catalogue/catalogue.js';
import { emptyCatalogue } from '../../src/catalogue/catalogue.js';
import { standardProfile } from '../../src/catalogue/profile.js';
import type { Credential } from '../../src/credentials/credential.js';
import { Sealer } from '../../src/credentials/sealer.js';
import { Circuits, type Bounds } from '../../src/issuance/circuits.js';
import type { Facts } from '../../src/issuance/facts.js';
import { DecideRequest } from '../../src/issuance/decide-request.js';
import { Fulfil } from '../../src/issuance/fulfil.js';
import { KeptTokens } from '../../src/issuance/kept-tokens.js';
import { LearnAudience } from '../../src/issuance/learn-audience.js';
import { loadContext } from '../../src/issuance/load-context.js';
import { MintToken } from '../../src/issuance/mint-token.js';
import { ObtainToken } from '../../src/issuance/obtain-token.js';
import { RecentFailures } from '../../src/issuance/recent-failures.js';
import type { Release } from '../../src/issuance/release.js';
import { RenewTokens } from '../../src/issuance/renew-tokens.js';
import { RevokeToken } from '../../src/issuance/revoke-token.js';
import { TokenCache } from '../../src/issuance/token-cache.js';
import { prepareTurnAway, answerOfTurnAway } from '../../src/issuance/turn-away.js';
import { OAuthError } from '../../src/oauth/errors.js';
import type { Randomness } from '../../src/oauth/identifier.js';
import { ResourceIndicator } from '../../src/oauth/resource-indicator.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import { Decide } from '../../src/policy/decide.js';
import { PolicyEvaluator, type EvaluationResult } from '../../src/policy/evaluator.js';
import type { PolicyInput } from '../../src/policy/input.js';
import { LocalTime } from '../../src/policy/local-time.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import { RunStore } from '../../src/runs/run-store.js';
import type { Run } from '../../src/runs/run.js';
import { MetadataCache } from '../../src/upstreams/metadata-cache.js';
import { ProofsOfPossession } from '../../src/upstreams/proofs-of-possession.js';
import { SigningKeys } from '../../src/upstreams/signing-keys.js';
import type { UpstreamHttp } from '../../src/upstreams/upstream-http.js';
import { KeptPins } from '../upstreams/kept-pins.js';
import { MemoryLog } from './memory-log.js';
import { MemoryFlights, MemoryTokens, type SharedMemory } from './memory-shared.js';
import { SimulatedClock } from './simulated-clock.js';

export interface MemoryWorldOptions {
  readonly http: (clock: SimulatedClock) => UpstreamHttp;
  readonly server?: Partial<AuthorizationServer>;
  readonly client?: Partial<Client>;
  readonly resources?: Readonly<Record<string, Partial<Resource>>>;
  /** What the policy says; it allows everything unless told. */
  readonly policy?: (input: PolicyInput) => unknown;
  readonly credential?: Credential;
  readonly randomness?: Randomness;
  readonly bounds?: Bounds;
  readonly clock?: SimulatedClock;
}

export const issuer = 'https://as.example';
const epoch = { incarnation: 'inc01', number: 1 };

/**
 * Everything between an authenticated request and the authorization server, as it is composed in earnest, over memory and a clock that
 * the test moves: for what takes hours or very many requests.
 */
export class MemoryWorld {
  readonly clock: SimulatedClock;
  readonly runs = new Map<string, Run>();
  readonly facts: Facts;
  readonly log: MemoryLog;
  /** What the operator would read. */
  readonly troubles: string[] = [];
  /** Decisions that the policy was asked for, by run. */
  readonly asked: string[] = [];
  readonly http: UpstreamHttp;
  readonly randomness: Randomness;
  readonly sealer: Sealer = new OpenSealer();
  #started = 0;

  constructor(readonly options: MemoryWorldOptions) {
    this.clock = options.clock ?? new SimulatedClock();
    this.randomness = options.randomness ?? { bytes: (length) => randomBytes(length) };
    this.http = options.http(this.clock);
    this.facts = { epoch, catalogue: catalogueOf(options), suspensions: [], keys: [], pins: [], policyRevision: 'sha256:simulated' };
    this.log = new MemoryLog(this.clock, () => epoch, this.runs);
  }

  start(more: Partial<Run> = {}): Run {
    const run: Run = {
      id: `run${String(this.#started++).padStart(8, '0')}`,
      runtime: 'ci',
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      operator: null,
      agent: { name: 'indexer', version: '1.4.0', model: 'none' },
      ancestors: [],
      credential: { id: 'cre01', method: 'client_secret', secretSha256: '' },
      startedAt: this.clock.now(),
      expiresAt: this.clock.now() + 86_400_000,
      endedAt: null,
      ...more,
    };
    this.runs.set(run.id, run);
    return run;
  }

  end(run: Run): void {
    this.runs.set(run.id, { ...run, endedAt: this.clock.now() });
  }

  /** `shared`: what it shares with other replicas beside the record. */
  replica({ alone = true, shared }: { readonly alone?: boolean; readonly shared?: SharedMemory } = {}): MemoryReplica {
    return new MemoryReplica(this, alone, shared);
  }

  /** Lets time pass in steps, in each of which every replica looks what is to be renewed. */
  async pass(milliseconds: number, replicas: readonly MemoryReplica[], step = 500): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += step) {
      await this.clock.pass(Math.min(step, milliseconds - passed));
      for (const replica of replicas) await replica.renewTokens.turn();
    }
  }
}

/** One process. */
export class MemoryReplica {
  readonly renewTokens: RenewTokens;
  readonly cache: TokenCache;
  readonly #fulfil: Fulfil;
  readonly #decide: DecideRequest;
  readonly #runs: RunDirectory;
  readonly #entries: EntryMaker;

  constructor(
    private readonly world: MemoryWorld,
    alone: boolean,
    shared?: SharedMemory,
  ) {
    const { clock, randomness, log, facts, http, sealer } = world;
    const sharedTokens = shared && new MemoryTokens(shared, clock);
    const faultLog = new TroublesOf(world.troubles);
    const origin = world.options.server?.issuer ?? issuer;
    const credential = world.options.credential ?? secretCredential(clock, origin);
    const credentials = {
      current: () => Promise.resolve(credential),
      other: () => Promise.resolve(null),
      issuerOf: () => Promise.resolve(origin),
      bind: () => Promise.resolve(origin),
    };
    const signing = { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
    const entries = new EntryMaker('ins01', clock, randomness);
    const besideTokens = new Circuits(clock, randomness);
    const mintToken = new MintToken(
      http,
      signing,
      sealer,
      new RevokeToken(http, signing, besideTokens),
      new LearnAudience(http, signing, besideTokens),
      log.store,
      log,
      entries,
      clock,
      randomness,
      'ins01',
    );
    this.#entries = entries;
    this.cache = new TokenCache(randomness, sharedTokens);
    const obtainToken = new ObtainToken(
      credentials,
      new MetadataCache(http, clock, new KeptPins()),
      this.cache,
      new KeptTokens(log.store, sealer, alone, sharedTokens),
      new RecentFailures(clock, randomness),
      new Circuits(clock, randomness, world.options.bounds),
      mintToken,
      faultLog,
      clock,
      signing.proofs,
      shared && new MemoryFlights(shared, 5_000),
    );
    this.#fulfil = new Fulfil(this.cache, obtainToken, log, entries, faultLog, clock);
    this.#runs = new RunDirectory(new RunsOf(world.runs));
    const decide = new Decide(new Allowing(world), clock, randomness);
    const counters = { read: () => Promise.resolve([]) };
    this.#decide = new DecideRequest(decide, credentials, counters, sealer, new LocalTime(), clock, randomness);
    const source = { current: () => Promise.resolve(facts), latest: () => Promise.resolve(facts) };
    const ready = { ready: () => Promise.resolve() };
    this.renewTokens = new RenewTokens(this.cache, obtainToken, this.#runs, source, ready, this.#decide, log, entries, faultLog, clock);
  }

  /** A token request of a run, from its context on: as IssueToken tells it. @throws OAuthError */
  async ask(run: Run, resource: string, scope: readonly string[] = ['things:read'], details = AuthorizationDetails.none): Promise<Release> {
    const resources = [ResourceIndicator.parse(resource)];
    const asked = { scope: Scope.of(scope), details, resources, traceparent: null };
    for (let attempt = 0; attempt < 8; attempt++) {
      const now = (await this.#runs.reload(run.id)) ?? run;
      const context = await loadContext(now, asked, this.world.facts, this.#runs, this.world.clock.now());
      const decided = await this.#decide.decideRequest(context);
      if (decided.kind !== 'allowed') {
        const append = prepareTurnAway(context, decided, this.#entries);
        const [appended] = await this.world.log.append([append]);
        const answer = answerOfTurnAway(decided, append, appended ?? { verdict: 'bad', at: 0 });
        if (answer.kind === 'turned_away') throw answer.error;
        continue;
      }
      const answer = await this.#fulfil.fulfil(context, decided);
      if (answer.kind === 'released') return answer.release;
      if (answer.kind === 'turned_away') throw answer.error;
    }
    throw new Error('decided again and again');
  }

  /** The same, where an error is an answer. */
  async askOrBeTold(run: Run, resource: string, scope?: readonly string[]): Promise<Release | OAuthError> {
    try {
      return await this.ask(run, resource, scope);
    } catch (error) {
      if (error instanceof OAuthError) return error;
      throw error;
    }
  }
}

/** Nothing leaves this process. */
class OpenSealer extends Sealer {
  override seal = (_context: string, secret: Secret): Uint8Array => Buffer.from(secret.reveal());
  override open = (_context: string, sealed: Uint8Array): Secret => new Secret(Buffer.from(sealed).toString());
}

class TroublesOf extends FaultLog {
  constructor(private readonly troubles: string[]) {
    super();
  }
  override write(error: unknown): void {
    if (this.troubles.length < 1000) this.troubles.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}

class Allowing extends PolicyEvaluator {
  constructor(private readonly world: MemoryWorld) {
    super();
  }
  override load = (): Promise<void> => Promise.resolve();
  override close = (): Promise<void> => Promise.resolve();
  override readsCounters = (): boolean => false;
  override evaluate(_revision: string, _entrypoint: string, inputJson: string): Promise<EvaluationResult> {
    const input = JSON.parse(inputJson) as PolicyInput;
    if (this.world.log.keeping) this.world.asked.push(input.run.id);
    return Promise.resolve({ kind: 'value', value: this.world.options.policy?.(input) ?? { allow: true } });
  }
}

class RunsOf extends RunStore {
  constructor(private readonly runs: ReadonlyMap<string, Run>) {
    super();
  }
  override find = (id: string): Promise<Run | null> => Promise.resolve(this.runs.get(id) ?? null);
  override findByPlatform = (): Promise<null> => Promise.resolve(null);
  override findPerson = (): Promise<null> => Promise.resolve(null);
  override isActive = (): Promise<boolean> => Promise.resolve(true);
  override overdue = (): Promise<readonly Run[]> => Promise.resolve([]);
  override orphaned = (): Promise<readonly Run[]> => Promise.resolve([]);
  override start = (): Promise<never> => Promise.reject(new Error('runs are started by the world'));
  override end = (): Promise<never> => Promise.reject(new Error('runs are ended by the world'));
  override personOf = (): Promise<never> => Promise.reject(new Error('there are no persons here'));
}

function secretCredential(clock: SimulatedClock, origin: string): Credential {
  const secret = new Secret(randomBytes(32).toString('hex'));
  const bound = { issuer: origin, tokenEndpointOrigin: origin, createdAt: clock.now() };
  return { id: 'cre01', client: 'indexer', method: 'client_secret_basic', secret, ...bound };
}

function catalogueOf({ server, client, resources = { crm: {} } }: MemoryWorldOptions): Catalogue {
  return {
    ...emptyCatalogue,
    authorizationServers: {
      demo: { id: 'demo', issuer, profile: standardProfile, allowHosts: [], ...server },
    },
    resources: Object.fromEntries(
      Object.entries(resources).map(([id, more]) => [
        id,
        {
          id,
          uri: `https://${id}.example/api`,
          authorizationServer: 'demo',
          scopes: ['things:read', 'things:list'],
          defaultScopes: [],
          maxTokenTtl: 3600,
          verifyAudience: false,
          labels: {},
          ...more,
        },
      ]),
    ),
    purposes: { 'search-indexing': { id: 'search-indexing', description: 'Keep the search index current', needsUser: false } },
    workflows: {
      'nightly-index': {
        id: 'nightly-index',
        owner: 'search-team@example.com',
        purposes: ['search-indexing'],
        maxRunTtl: 86_400,
        labels: {},
      },
    },
    clients: {
      indexer: {
        id: 'indexer',
        clientId: 'corridor-indexer',
        authorizationServer: 'demo',
        owner: 'search-team@example.com',
        workflows: ['nightly-index'],
        resources: Object.keys(resources),
        method: 'client_secret_basic',
        credential: { kind: 'env', name: 'CORRIDOR_CLIENT_INDEXER' },
        rotateEvery: 7_776_000,
        maxTokenLife: 3600,
        ...client,
      },
    },
    runtimes: { ci: { id: 'ci', workflows: ['nightly-index'] } },
  };
}
