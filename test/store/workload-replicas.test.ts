import { randomBytes, randomUUID } from 'node:crypto';
import { EntryMaker } from '../../src/attribution/entry.js';
import { emptyCatalogue, type Catalogue } from '../../src/catalogue/catalogue.js';
import type { PublicJwk, WorkloadIdentity } from '../../src/catalogue/workload-identity.js';
import { SlowDown, TemporarilyUnavailable } from '../../src/oauth/errors.js';
import { AuthenticateWorkload } from '../../src/runs/authenticate-workload.js';
import { AssertionRefused } from '../../src/runs/compact-jws.js';
import { RunDirectory } from '../../src/runs/run-directory.js';
import { unlimited, type StartLimits } from '../../src/runs/start-limits.js';
import { StartRun } from '../../src/runs/start-run.js';
import { VerifyWorkload } from '../../src/runs/verify-workload.js';
import { Database, DatabaseUnavailable, type Row } from '../../src/store/database.js';
import { SqlFacts } from '../../src/store/sql-facts.js';
import { SqlReplayGuard } from '../../src/store/sql-replay-guard.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { IssuerKeyCache } from '../../src/upstreams/issuer-keys.js';
import { newSigningKey, sign, type SigningKey } from '../rig/workload-issuer.js';
import { ScriptedHttp } from '../upstreams/scripted-http.js';
import { databases } from './both-databases.js';
import { catalogueChange } from './fact-change-samples.js';
import { World } from './world.js';

const corridor = 'https://corridor.example/oauth2';
const clock = { now: () => Date.now() };
const randomness = { bytes: (length: number) => randomBytes(length) };

const identityOf = (issuer: string, keys: readonly PublicJwk[], assertionReuse: boolean): WorkloadIdentity => ({
  kind: 'jwt',
  issuer,
  keys: { kind: 'inline', keys },
  allowHosts: [],
  algorithms: ['ES256'],
  maxAssertionLife: 300,
  assertionReuse,
  audienceArray: false,
  claims: [
    {
      match: { team: 'search' },
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      agent: { name: '{sub}', version: 'unknown', model: 'none' },
      operator: '{user}',
      runId: '{build}',
    },
  ],
});

/** Facts as they were before the last change, always. */
function factsThatMove(facts: SqlFacts): Pick<SqlFacts, 'latest'> {
  const latest = async (): ReturnType<SqlFacts['latest']> => {
    const now = await facts.latest();
    return { ...now, epoch: { ...now.epoch, number: now.epoch.number - 1 } };
  };
  return { latest };
}

const asTheyAre = (facts: SqlFacts): SqlFacts => facts;

/** Counts what was started. */
class Counting implements StartLimits {
  started = 0;

  constructor(private readonly limit = Infinity) {}

  countStart(): () => void {
    if (this.started >= this.limit) throw new SlowDown('too many starts');
    this.started++;
    return () => void this.started--;
  }
}

/** What one replica has to find the run of an assertion; replicas share the database alone. */
class Replica {
  private readonly workloads: VerifyWorkload;
  private readonly authenticateWorkload: AuthenticateWorkload;

  constructor(
    database: Database,
    instance: string,
    facts: Pick<SqlFacts, 'latest'> = new SqlFacts(database),
    limits: StartLimits = unlimited,
  ) {
    const store = new SqlRuns(database);
    const runs = new RunDirectory(store);
    const startRun = new StartRun(facts, store, runs, new EntryMaker(instance, clock, randomness), clock, randomness, limits);
    const keys = new IssuerKeyCache(new ScriptedHttp(), clock);
    this.workloads = new VerifyWorkload(corridor, facts, keys, new SqlReplayGuard(database), clock);
    this.authenticateWorkload = new AuthenticateWorkload(this.workloads, runs, startRun);
  }

  /** The run's id, or why there is none. */
  async runOf(assertion: string, mayStart = true): Promise<string> {
    try {
      const claimed = await this.workloads.claimed(assertion, ['jwt-bearer']);
      return (await this.authenticateWorkload.authenticate(claimed, null, mayStart)).id;
    } catch (error) {
      if (error instanceof AssertionRefused) return error.message;
      throw error;
    }
  }
}

/** Loses its connection before whatever spends an assertion. */
class WithoutReplays extends Database {
  constructor(private readonly database: Database) {
    super();
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    if (/assertion_seen|start_run/.test(sql)) throw new DatabaseUnavailable('connection lost');
    return this.database.query(sql, parameters);
  }

  async close(): Promise<void> {}
}

describe.each(databases)('workload assertions at three replicas over %s', (_name, open) => {
  let database: Database;
  let world: World;
  let key: SigningKey;
  let replicas: readonly Replica[];
  let catalogue: Catalogue;
  beforeAll(async () => {
    database = await open();
    key = await newSigningKey();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    const keys = [{ kty: 'EC', crv: 'P-256', x: key.publicJwk.x, y: key.publicJwk.y, kid: key.kid }];
    catalogue = {
      ...emptyCatalogue,
      purposes: { 'search-indexing': { id: 'search-indexing', description: 'Indexing', needsUser: false } },
      workflows: {
        'nightly-index': { id: 'nightly-index', owner: 'o@example.com', purposes: ['search-indexing'], maxRunTtl: 3600, labels: {} },
      },
      runtimes: {
        once: { id: 'once', workflows: ['nightly-index'], identity: identityOf('https://once.example', keys, false) },
        again: { id: 'again', workflows: ['nightly-index'], identity: identityOf('https://again.example', keys, true) },
      },
    };
    await world.change(catalogueChange(catalogue));
    replicas = ['ins1', 'ins2', 'ins3'].map((instance) => new Replica(database, instance));
  });

  const assertion = (issuer: string, changed: Record<string, unknown> = {}): Promise<string> => {
    const seconds = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'job', aud: corridor, exp: seconds + 120, jti: randomUUID(), team: 'search', user: 'ada' };
    return sign(key, { ...claims, build: randomUUID(), ...changed });
  };
  const atAll = (count: number, ask: (replica: Replica, index: number) => Promise<string>): Promise<readonly string[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) => {
        const replica = replicas[index % 3];
        if (replica === undefined) throw new Error('three replicas were expected');
        return ask(replica, index);
      }),
    );

  it('are accepted once of 200 times in parallel, and start one run (B33, B34)', async () => {
    const one = await assertion('https://once.example');
    const answers = await atAll(200, (replica) => replica.runOf(one));
    const accepted = answers.filter((answer) => answer.startsWith('run'));
    expect(accepted).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'assertion used before')).toHaveLength(199);
    expect(await world.rows('select id from run')).toEqual([{ id: accepted[0] }]);
    expect(await world.rows(`select from entry where type = 'run.started'`)).toHaveLength(1);
  });

  it('that may be used again all find the one run that the first of them started', async () => {
    const one = await assertion('https://again.example');
    const answers = new Set(await atAll(60, (replica) => replica.runOf(one)));
    expect(answers.size).toBe(1);
    expect([...answers][0]).toMatch(/^run/);
    expect(await world.rows('select from run')).toHaveLength(1);
    expect(await world.rows(`select from entry where type = 'run.started'`)).toHaveLength(1);
  });

  it('of one build, each its own, find one run, opened once', async () => {
    const many = await Promise.all(Array.from({ length: 50 }, () => assertion('https://once.example', { build: '7' })));
    const answers = new Set(await atAll(50, (replica, index) => replica.runOf(many[index] ?? '')));
    expect(answers.size).toBe(1);
    expect(await world.rows('select from run')).toHaveLength(1);
    const [run] = answers;
    await world.end(run ?? '');
    // whoever is known is named, so that the refusal can be recorded
    const late = await assertion('https://once.example', { build: '7' });
    expect(await replicas[0]?.runOf(late)).toBe(run);
    expect(await world.rows('select from run')).toHaveLength(1);
  });

  it('cannot be spent beforehand by others (B35)', async () => {
    const jti = randomUUID();
    await atAll(3, async (replica, index) => replica.runOf(await assertion('https://once.example', { jti, sub: `other${index}` })));
    await atAll(3, async (replica) => replica.runOf(await assertion('https://again.example', { jti })));
    await atAll(3, async (replica) => replica.runOf(await assertion('https://once.example', { jti, aud: 'https://elsewhere.example' })));
    expect(await replicas[0]?.runOf(await assertion('https://once.example', { jti }))).toMatch(/^run/);
    expect(await replicas[1]?.runOf(await assertion('https://once.example', { jti }))).toBe('assertion used before');
  });

  it('start nothing where none may be started, and are not spent by it (B42)', async () => {
    const one = await assertion('https://once.example');
    expect(await replicas[0]?.runOf(one, false)).toBe('no run was started with it');
    expect(await world.rows('select from run')).toEqual([]);
    expect(await replicas[0]?.runOf(one)).toMatch(/^run/);
    expect(await replicas[1]?.runOf(await assertion('https://once.example'), false)).toBe('no run was started with it');
  });

  it('are accepted by nobody while it cannot be told whether they were used (B36)', async () => {
    const replica = new Replica(new WithoutReplays(database), 'ins4');
    for (const issuer of ['https://once.example', 'https://again.example']) {
      await expect(replica.runOf(await assertion(issuer))).rejects.toThrow(DatabaseUnavailable);
    }
    expect(await world.rows('select from run')).toEqual([]);
  });

  it.each([
    ['when facts move all the time', Infinity, () => database, factsThatMove, TemporarilyUnavailable],
    ['when there are too many', 0, () => database, asTheyAre, SlowDown],
    ['when the connection is lost before', Infinity, () => new WithoutReplays(database), asTheyAre, DatabaseUnavailable],
  ] as const)('are not spent by a start that fails %s, and it is not counted', async (_title, limit, reached, facts, failure) => {
    const one = await assertion('https://once.example');
    const limits = new Counting(limit);
    await expect(new Replica(reached(), 'ins4', facts(new SqlFacts(database)), limits).runOf(one)).rejects.toThrow(failure);
    expect(limits.started).toBe(0);
    expect(await replicas[0]?.runOf(one)).toMatch(/^run/);
    expect(await replicas[1]?.runOf(one)).toBe('assertion used before');
  });

  it('are refused at every replica as soon as the catalogue trusts their issuer no more', async () => {
    expect(await replicas[2]?.runOf(await assertion('https://once.example'))).toMatch(/^run/);
    await world.change(catalogueChange({ ...catalogue, runtimes: {} }));
    const late = await atAll(6, async (replica) => replica.runOf(await assertion('https://once.example')));
    expect(new Set(late)).toEqual(new Set(['no runtime has this issuer']));
  });
});
