import type { Database } from '../../src/store/database.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import type { LiveToken } from '../../src/suspensions/exposure.js';
import type { SuspensionKind } from '../../src/suspensions/suspension.js';
import { databases } from './both-databases.js';
import { identifier, World } from './world.js';

describe.each(databases)('exposure on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let exposure: SqlExposure;
  let raised: string;
  beforeAll(async () => {
    database = await open();
    exposure = new SqlExposure(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  async function suspend(kind: SuspensionKind, target: string | null): Promise<readonly string[]> {
    const change = {
      kind: 'suspension.raised',
      suspension: { id: identifier('sus'), kind, target, reason: 'leaked image', raisedBy: 'key01', expiresAt: null },
    } as const;
    const changed = await world.change(change);
    if (changed.verdict !== 'applied') throw new Error('stale');
    raised = change.suspension.id;
    return changed.withdrawn;
  }

  /** What is live, page by page. */
  async function pages(limit: number): Promise<string[][]> {
    const seen: string[][] = [];
    for (let last: LiveToken | undefined; ;) {
      const page = await exposure.live('everything', null, limit, last);
      if (page.length === 0) return seen;
      seen.push(page.map(({ issuance }) => issuance));
      last = page.at(-1);
    }
  }

  /** A run with a child, a stranger, and the tokens that they hold. */
  async function tokens() {
    const run = await world.running();
    const child = await world.running({ ancestors: [run], workflow: 'sub-index' });
    const stranger = await world.running({ workflow: 'triage' });
    const own = await world.issuance({ run });
    const ofChild = await world.issuance({ run: child, workflow: 'sub-index', client: 'sub-indexer', resource: 'billing' });
    const ofStranger = await world.issuance({ run: stranger, workflow: 'triage', client: 'triage', resource: 'mail' });
    const shared = await world.issuance({ run: stranger, workflow: 'triage', client: 'triage', resource: 'mail', isolation: 'workflow' });
    await world.released(shared, stranger);
    return { run, child, stranger, own, ofChild, ofStranger, shared };
  }

  it('withdraws what a run and its descendants hold, and leaves the work of revoking it', async () => {
    const { run, own, ofChild, ofStranger, shared } = await tokens();
    expect(await suspend('run', run)).toEqual([own, ofChild].sort());
    expect(await world.work()).toEqual([own, ofChild].sort());
    expect([await world.revocationOf(own), await world.revocationOf(ofStranger), await world.revocationOf(shared)]).toEqual([
      'pending',
      null,
      null,
    ]);
  });

  it('withdraws a shared token at once when any of its holders is suspended', async () => {
    const { run, child, own, ofChild, shared } = await tokens();
    await world.released(shared, child);
    expect(await suspend('run', run)).toEqual([own, ofChild, shared].sort());
  });

  it('withdraws what the runs of a workflow, their descendants and their sharers hold', async () => {
    const { run, own, ofChild, shared, ofStranger } = await tokens();
    expect(await suspend('workflow', 'nightly-index')).toEqual([own, ofChild].sort());
    await world.released(shared, run);
    expect(await suspend('workflow', 'nightly-index')).toEqual([shared]);
    expect(await suspend('workflow', 'triage')).toEqual([ofStranger]);
  });

  it('withdraws what was obtained through a client, for a resource, and everything', async () => {
    const { own, ofChild, ofStranger, shared } = await tokens();
    expect(await suspend('client', 'sub-indexer')).toEqual([ofChild]);
    expect(await suspend('resource', 'crm')).toEqual([own]);
    expect(await suspend('everything', null)).toEqual([ofStranger, shared].sort());
  });

  it('leaves alone what is dead, withdrawn or never became a token', async () => {
    const run = await world.running();
    await world.issuance({ run, expiresIn: -1 });
    await world.issuance({ run, revocation: 'revoked' });
    await world.issuance({ run, revocation: 'unsupported' });
    for (const state of ['failed', 'unknown', 'refused']) await world.issuance({ run, state });
    expect(await suspend('everything', null)).toEqual([]);
    expect(await world.work()).toEqual([]);
  });

  it('withdraws an attempt under way, so that its token is revoked when it comes', async () => {
    const run = await world.running();
    const opened = await world.issuance({ run, state: 'open' });
    expect(await suspend('run', run)).toEqual([opened]);
    expect(await world.revocationOf(opened)).toBe('pending');
    expect(await world.work()).toEqual([opened]);
  });

  it('withdraws everything, however much it is', async () => {
    const run = await world.running();
    const one = await world.issuance({ run });
    await world.rows(
      `insert into issuance select 'iss' || n, state, run, workflow, client, client_id, authorization_server, resource, scope, credential, cache_key, isolation,
         assertion_jti, counters, instance, opened_at, deadline, exposed_until, closed_at, null, null, null, issued_at, expires_at, served_until
       from issuance, generate_series(1, 10100) n where id = $1`,
      one,
    );
    expect(new Set(await suspend('everything', null)).size).toBe(10_000);
    expect(await world.changes.withdrawMore(raised)).toBe(false);
    expect(await world.rows('select count(*)::int as left from issuance where revocation is null')).toEqual([{ left: 0 }]);
    expect(await exposure.ofSuspension(raised, '', 1)).toMatchObject({ tokens: [{}], summary: { fates: { pending: 10_101 } } });
    const seen = await pages(1001);
    expect(seen.map(({ length }) => length)).toEqual([...Array<number>(10).fill(1001), 91]);
    expect(new Set(seen.flat()).size).toBe(10_101);
  }, 60_000);

  it('lists what may still work: withdrawn tokens, refused ones, attempts under way and unknown outcomes', async () => {
    const run = await world.running();
    const issued = await world.issuance({ run, expiresIn: 600, binding: 'dpop' });
    const unsupported = await world.issuance({ run, expiresIn: 500, revocation: 'unsupported', binding: 'none' });
    const refused = await world.issuance({ run, state: 'refused', expiresIn: 400, revocation: 'pending', binding: 'mtls' });
    const opened = await world.issuance({ run, state: 'open', exposedFor: 300 });
    const unknown = await world.issuance({ run, state: 'unknown', exposedFor: 200 });
    const late = await world.issuance({ run, state: 'unknown', exposedFor: 100, revocation: 'pending' });
    await world.rows(`update issuance set token_sha256 = 'came late' where id = $1`, late);
    await world.issuance({ run, state: 'failed' });
    await world.issuance({ run, state: 'unknown', exposedFor: -1 });
    await world.issuance({ run, expiresIn: -1 });
    await world.issuance({ run, revocation: 'revoked' });
    await suspend('run', run);
    await world.released(issued, run);
    const expected = [
      { issuance: issued, state: 'issued', revocation: 'pending', binding: 'dpop', released: 1 },
      { issuance: unsupported, state: 'issued', revocation: 'unsupported', binding: 'none' },
      { issuance: refused, state: 'refused', revocation: 'pending', binding: 'mtls' },
      { issuance: opened, state: 'open', revocation: 'pending' },
      { issuance: unknown, state: 'unknown', revocation: 'unsupported' },
      { issuance: late, state: 'unknown', revocation: 'pending' },
    ].map((item) => ({
      released: 0,
      binding: null,
      ...item,
      run,
      workflow: 'nightly-index',
      client: 'indexer',
      resource: 'crm',
      authorizationServer: 'demo',
      isolation: 'run',
      audience: 'unverified',
      expiresAt: expect.any(Number) as number,
    }));
    for (const [kind, target] of [
      ['run', run],
      ['workflow', 'nightly-index'],
      ['client', 'indexer'],
      ['resource', 'crm'],
      ['authorization_server', 'demo'],
      ['everything', null],
    ] as const) {
      expect(await exposure.live(kind, target, 10)).toEqual(expected);
    }
    expect(await exposure.live('workflow', 'triage', 10)).toEqual([]);
    expect(await exposure.live('run', run, 2)).toEqual(expected.slice(0, 2));
    const ends = (await exposure.live('run', run, 10)).map(({ expiresAt }) => Math.round((expiresAt - Date.now()) / 100_000));
    expect(ends).toEqual([6, 5, 4, 3, 2, 1]);
  });
});
