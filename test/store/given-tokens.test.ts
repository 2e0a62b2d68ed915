import type { Database } from '../../src/store/database.js';
import { SqlGivenTokens } from '../../src/store/sql-given-tokens.js';
import { databases } from './both-databases.js';
import { sha256, World } from './world.js';

describe.each(databases)('tokens that runs were given, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let tokens: SqlGivenTokens;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
    tokens = new SqlGivenTokens(database);
  });

  const withdraw = (token: string, run: string) => tokens.withdraw(sha256(token), run, 30_000);
  const seal = (issuance: string) => world.rows(`update issuance set sealed = '\\x00' where id = $1`, issuance);
  const workOf = (issuance: string) =>
    world.rows(`select attempts, due_at > now() + interval '20 s' as taken from work where subject = $1`, issuance);

  it('are live for the run that they were made for and for the server of their resource, and for nobody else', async () => {
    const [run, stranger] = [await world.running(), await world.running()];
    const issuance = await world.issuance({ run, tokenJti: 'jti1' });
    await world.rows(`update issuance set granted_details = '[{"type":"payment"}]' where id = $1`, issuance);
    const live = await tokens.live(sha256(issuance), { run });
    expect(live).toEqual({
      issuance,
      run,
      purpose: 'search-indexing',
      workflow: 'nightly-index',
      isolation: 'run',
      client: 'indexer',
      clientId: 'corridor-indexer',
      authorizationServer: 'demo',
      resource: 'crm',
      jti: 'jti1',
      granted: ['crm:read'],
      grantedDetails: '[{"type":"payment"}]',
      audience: 'unverified',
      issuedAt: expect.any(Number) as number,
      servedUntil: expect.any(Number) as number,
    });
    expect(await tokens.live(sha256(issuance), { resource: 'crm' })).toEqual(live);
    expect(await tokens.live(sha256(issuance), { run: stranger })).toBeNull();
    expect(await tokens.live(sha256(issuance), { resource: 'billing' })).toBeNull();
    expect(await tokens.live(sha256('garbage'), { run })).toBeNull();
  });

  it.each([
    ['it has expired', { expiresIn: -1 }],
    ['it was withdrawn', { revocation: 'pending' }],
    ['it was revoked', { revocation: 'revoked' }],
    ['its server could not revoke it', { revocation: 'unsupported' }],
    ['it was refused', { state: 'refused' }],
  ])('are live for nobody when %s', async (_, row) => {
    const run = await world.running();
    const issuance = await world.issuance({ run, ...row });
    expect(await tokens.live(sha256(issuance), { run })).toBeNull();
    expect(await tokens.live(sha256(issuance), { resource: 'crm' })).toBeNull();
  });

  it('are live for nobody when they may be served no longer, though they work', async () => {
    const run = await world.running();
    const issuance = await world.issuance({ run });
    await world.rows(`update issuance set served_until = now() - interval '1 second' where id = $1`, issuance);
    expect(await tokens.live(sha256(issuance), { resource: 'crm' })).toBeNull();
  });

  it('are live as long as one of the runs that share them is active, but not for one that is not', async () => {
    const [first, second] = [await world.running(), await world.running()];
    const shared = await world.issuance({ run: first, isolation: 'workflow' });
    await world.released(shared, second);
    await world.end(first);
    expect(await tokens.live(sha256(shared), { run: first })).toBeNull();
    expect(await tokens.live(sha256(shared), { run: second })).toMatchObject({ isolation: 'workflow' });
    expect(await tokens.live(sha256(shared), { resource: 'crm' })).toMatchObject({ isolation: 'workflow' });
    await world.rows(`update run set expires_at = now() - interval '1 second' where id = $1`, second);
    expect(await tokens.live(sha256(shared), { run: second })).toBeNull();
    expect(await tokens.live(sha256(shared), { resource: 'crm' })).toBeNull();
  });

  it('are dead in every issuance that holds the text when it was revoked in one', async () => {
    const [run, other] = [await world.running(), await world.running()];
    await world.issuance({ run, tokenSha256: sha256('reused') });
    expect(await tokens.live(sha256('reused'), { run })).not.toBeNull();
    await world.issuance({ run: other, tokenSha256: sha256('reused'), revocation: 'revoked' });
    expect(await tokens.live(sha256('reused'), { run })).toBeNull();
  });

  it('are withdrawn by the run that they were made for, which then has the work of revoking them', async () => {
    const run = await world.running();
    const issuance = await world.issuance({ run });
    await seal(issuance);
    expect(await withdraw(issuance, run)).toEqual({
      kind: 'withdrawn',
      tokens: [
        {
          issuance,
          cacheKey: 'key',
          expiresAt: expect.any(Number) as number,
          revocation: 'pending',
          due: expect.objectContaining({ issuance, run, attempts: 1, tokenSha256: sha256(issuance) }) as object,
        },
      ],
    });
    expect(await workOf(issuance)).toEqual([{ attempts: 1, taken: true }]);
    expect(await withdraw(issuance, run)).toMatchObject({ tokens: [{ revocation: 'pending', due: { attempts: 2 } }] });
  });

  it('are withdrawn by any run that they were released to', async () => {
    const [first, second, stranger] = [await world.running(), await world.running(), await world.running()];
    const shared = await world.issuance({ run: first, isolation: 'workflow' });
    await world.released(shared, second);
    expect(await withdraw(shared, stranger)).toEqual({ kind: 'foreign' });
    expect(await world.revocationOf(shared)).toBeNull();
    expect(await world.work()).toEqual([]);
    expect(await withdraw(shared, second)).toMatchObject({ kind: 'withdrawn' });
    expect(await world.revocationOf(shared)).toBe('pending');
  });

  it('are unknown when they are dead, or never were', async () => {
    const run = await world.running();
    const dead = await world.issuance({ run, expiresIn: -1 });
    expect(await withdraw(dead, run)).toEqual({ kind: 'unknown' });
    expect(await withdraw('garbage', run)).toEqual({ kind: 'unknown' });
    expect(await world.revocationOf(dead)).toBeNull();
  });

  it('are what they were when nothing can be done about them any more', async () => {
    const run = await world.running();
    const revoked = await world.issuance({ run, revocation: 'revoked' });
    const unsupported = await world.issuance({ run, revocation: 'unsupported' });
    expect(await withdraw(revoked, run)).toMatchObject({ tokens: [{ revocation: 'revoked', due: null }] });
    expect(await withdraw(unsupported, run)).toMatchObject({ tokens: [{ revocation: 'unsupported', due: null }] });
    expect(await world.work()).toEqual([]);
  });

  it('are withdrawn wherever the same text lies', async () => {
    const [run, other] = [await world.running(), await world.running()];
    const own = await world.issuance({ run, tokenSha256: sha256('reused') });
    const twin = await world.issuance({ run: other, tokenSha256: sha256('reused') });
    expect(await withdraw('reused', run)).toMatchObject({ kind: 'withdrawn' });
    expect([await world.revocationOf(own), await world.revocationOf(twin)]).toEqual(['pending', 'pending']);
    expect(await world.work()).toEqual([own, twin].sort());
  });

  it('are withdrawn once, however many ask at once', async () => {
    const run = await world.running();
    const issuance = await world.issuance({ run });
    await Promise.all(Array.from({ length: 8 }, () => withdraw(issuance, run)));
    expect(await workOf(issuance)).toEqual([{ attempts: 8, taken: true }]);
  });
});
