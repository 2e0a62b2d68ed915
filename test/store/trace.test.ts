import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import type { Trace } from '../../src/attribution/trace.js';
import type { Database } from '../../src/store/database.js';
import { timeOfIdentifier } from '../../src/store/identifier-time.js';
import { SqlTracing } from '../../src/store/sql-trace.js';
import { databases } from './both-databases.js';
import { agent, decisionOf, epoch, resource, Telling, through } from './telling.js';
import { entryOf, identifier, sha256, World } from './world.js';

describe.each(databases)('tracing on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let telling: Telling;
  let tracing: SqlTracing;
  beforeAll(async () => {
    database = await open();
    tracing = new SqlTracing(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    telling = new Telling(world);
  });

  function told(trace: Trace | null): Trace {
    if (trace === null) throw new Error('nothing was found');
    return trace;
  }

  it('tells the whole story of a token by its hash', async () => {
    const { run, issuance, decisions, requested, issued, releases, elsewhere, started } = await telling.story();
    const row = await world.runs.find(run);
    const trace = told(await tracing.trace({ by: 'tokenSha256', value: sha256(issuance) }));
    expect(trace.entry).toEqual({ id: releases[0], type: 'token.released', recordedAt: expect.any(Number) as number });
    expect(trace.token).toEqual({
      issuance,
      state: 'issued',
      sha256: sha256(issuance),
      jti: 'jti1',
      scope: ['crm:read'],
      granted: ['crm:read'],
      grantedDetails: AuthorizationDetails.none,
      resource,
      audience: 'unverified',
      openedAt: expect.any(Number) as number,
      expiresAt: expect.any(Number) as number,
      servedUntil: expect.any(Number) as number,
      exposedUntil: expect.any(Number) as number,
      revocation: null,
      live: true,
    });
    expect(trace.run).toEqual({
      id: run,
      runtime: 'ci',
      workflow: 'nightly-index',
      purpose: 'search-indexing',
      owner: 'search-team@example.com',
      operator: { commitment: 'sha256:cc', name: 'ada@example.com' },
      agent,
      ancestors: [],
      startedAt: row?.startedAt,
      expiresAt: row?.expiresAt,
      endedAt: null,
    });
    expect(trace.decision).toEqual({
      id: decisions[0],
      by: 'policy',
      allow: true,
      revision: 'sha256:4e1a',
      inputSha256: 'ab',
      reasons: [{ code: 'granted' }],
      obligations: { max_ttl: 300 },
    });
    expect(trace.client).toEqual({
      id: 'indexer',
      clientId: 'corridor-indexer',
      issuer: 'http://127.0.0.1:9400',
      method: 'private_key_jwt',
      credential: { id: 'cre01', kid: 'kid1' },
    });
    expect(trace.releases).toEqual({
      inThisRun: { count: 3, entries: releases.toReversed() },
      inOtherRuns: { count: 1, entries: [elsewhere] },
    });
    expect(trace.entries.map(({ id }) => id)).toEqual([started, requested, issued, releases[1], releases[2]]);
    expect([trace.issuances, trace.more]).toEqual([[], false]);
  });

  it('tells the same by jti and by issuance, and nothing of what is unknown', async () => {
    const { issuance } = await telling.story();
    const byHash = await tracing.trace({ by: 'tokenSha256', value: sha256(issuance) });
    expect(await tracing.trace({ by: 'jti', value: 'jti1' })).toEqual(byHash);
    expect(await tracing.trace({ by: 'issuance', value: issuance })).toEqual(byHash);
    for (const by of ['tokenSha256', 'jti', 'issuance', 'entry', 'run', 'decision'] as const) {
      expect(await tracing.trace({ by, value: by === 'decision' ? identifier('dec') : 'nothing' })).toBeNull();
    }
  });

  it('tells of the run that an entry belongs to, also when another run obtained the token', async () => {
    const { other, elsewhere, releases } = await telling.story();
    const trace = told(await tracing.trace({ by: 'entry', value: elsewhere }));
    expect(trace.entry?.id).toBe(elsewhere);
    expect(trace.run?.id).toBe(other);
    expect(trace.run?.operator).toBeNull();
    expect(trace.releases).toEqual({
      inThisRun: { count: 1, entries: [elsewhere] },
      inOtherRuns: { count: 3, entries: releases.toReversed() },
    });
  });

  it('tells of the first entry that rests on a decision', async () => {
    const { decisions, requested, releases } = await telling.story();
    expect(told(await tracing.trace({ by: 'decision', value: decisions[0] })).entry?.id).toBe(requested);
    const second = told(await tracing.trace({ by: 'decision', value: decisions[1] }));
    expect([second.entry?.id, second.decision?.id]).toEqual([releases[2], decisions[1]]);
  });

  it('tells of a denial, which has no token', async () => {
    const run = await world.running();
    const decision = identifier('dec');
    const denied = await telling.record('token.denied', { run, decision }, { resource, decision: decisionOf(decision, false) });
    for (const query of [
      { by: 'entry', value: denied },
      { by: 'decision', value: decision },
    ] as const) {
      const trace = told(await tracing.trace(query));
      expect(trace).toMatchObject({ entry: { id: denied }, token: null, client: null, releases: null, decision: { allow: false } });
      expect(trace.run?.id).toBe(run);
    }
  });

  it('finds a token that was refused, by the hash alone', async () => {
    const run = await world.running();
    const issuance = await world.issuance({ run, state: 'refused', revocation: 'pending' });
    const decision = identifier('dec');
    const refused = await telling.record(
      'token.refused',
      { run, issuance, tokenSha256: sha256(issuance), decision },
      { ...through, resource, decision: decisionOf(decision) },
    );
    const trace = told(await tracing.trace({ by: 'tokenSha256', value: sha256(issuance) }));
    expect(trace).toMatchObject({
      entry: { id: refused },
      token: { state: 'refused', revocation: 'pending', live: true },
      releases: { inThisRun: { count: 0 }, inOtherRuns: { count: 0 } },
    });
  });

  it('finds a token of which there is nothing but an entry', async () => {
    const run = await world.running();
    const refused = await telling.record('token.refused', { run, tokenSha256: sha256('x') });
    expect(told(await tracing.trace({ by: 'tokenSha256', value: sha256('x') }))).toMatchObject({
      entry: { id: refused },
      token: null,
      run: { id: run },
    });
  });

  it('tells of an entry that belongs to no run', async () => {
    const raised = await world.record(entryOf('suspension.raised', epoch));
    expect(await tracing.trace({ by: 'entry', value: raised })).toEqual({
      entry: { id: raised, type: 'suspension.raised', recordedAt: expect.any(Number) as number },
      token: null,
      run: null,
      decision: null,
      client: null,
      releases: null,
      issuances: [],
      entries: [],
      more: false,
    });
  });

  it('tells of a run what it obtained and what it was given', async () => {
    const { run, other, issuance } = await telling.story();
    const own = await world.issuance({ run: other, resource: 'billing' });
    const trace = told(await tracing.trace({ by: 'run', value: other }));
    expect(trace).toMatchObject({ entry: null, token: null, decision: null, client: null, releases: null, run: { id: other } });
    expect(trace.issuances.map((token) => [token.issuance, token.resource])).toEqual([
      [own, { id: 'billing', uri: null }],
      [issuance, resource],
    ]);
    expect(trace.entries.map(({ type }) => type)).toEqual(['run.started', 'token.released']);
    expect(told(await tracing.trace({ by: 'run', value: run })).entries).toHaveLength(6);
  });

  it('names an operator no more once the person was erased', async () => {
    const { run } = await telling.story();
    await world.rows('delete from person');
    expect(told(await tracing.trace({ by: 'run', value: run })).run?.operator).toEqual({ commitment: 'sha256:cc', name: null });
  });

  it.each([
    ['an expired token', { expiresIn: -1 }, false],
    ['a revoked token', { revocation: 'revoked' }, false],
    ['a token that its server cannot revoke', { revocation: 'unsupported' }, true],
    ['an unknown outcome', { state: 'unknown' }, true],
    ['an unknown outcome whose token must be dead', { state: 'unknown', exposedFor: -1 }, false],
    ['a failure', { state: 'failed' }, false],
  ])('says of %s whether it may still be accepted', async (_what, row, live) => {
    const issuance = await world.issuance({ run: await world.running(), ...row });
    expect(told(await tracing.trace({ by: 'issuance', value: issuance })).token?.live).toBe(live);
  });

  it('lists the first and the last entries of a long run, and says that there are more', async () => {
    const run = await world.running();
    for (let i = 0; i < 130; i++) await telling.record('token.denied', { run });
    const trace = told(await tracing.trace({ by: 'run', value: run }));
    expect([trace.entries.length, trace.entries[0]?.type, trace.more]).toEqual([100, 'run.started', true]);
  });

  it('bounds the releases that it lists, and counts them all', async () => {
    const { run, issuance } = await telling.story();
    await world.rows(
      `insert into entry (id, type, recorded_at, run, issuance, bytes)
       select 'entx' || i, 'token.released', now(), $1, $2, '{}' from generate_series(1, 300) i`,
      run,
      issuance,
    );
    const trace = told(await tracing.trace({ by: 'issuance', value: issuance }));
    expect(trace.releases?.inThisRun.count).toBe(303);
    expect(trace.releases?.inThisRun.entries).toHaveLength(100);
    expect(trace.releases?.inThisRun.entries[0]).toBe('entx300');
    expect(trace.entries.map(({ type }) => type)).toContain('token.requested');
  });

  it('reads entries whose members it does not know', async () => {
    const run = await world.running();
    const issuance = await world.issuance({ run });
    const odd = await telling.record(
      'token.released',
      { run, issuance },
      { client_id: 7, decision: 'yes', resource: ['crm'], credential: null },
    );
    expect(told(await tracing.trace({ by: 'issuance', value: issuance }))).toMatchObject({
      entry: { id: odd },
      client: null,
      decision: null,
    });
  });
});

describe('an identifier', () => {
  it('tells when it was made, and nothing when it is none', () => {
    const before = Date.now();
    const made = timeOfIdentifier(identifier('dec'));
    expect(made).toBeGreaterThanOrEqual(before);
    expect(made).toBeLessThanOrEqual(Date.now());
    for (const text of ['', 'dec', 'dec01k9z', `${identifier('dec')}x`, 'dec' + 'i'.repeat(26)]) expect(timeOfIdentifier(text)).toBeNull();
  });
});
