import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlExposure } from '../../src/store/sql-exposure.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { SqlSuspensions } from '../../src/store/sql-suspensions.js';
import { printEpoch } from '../../src/attribution/epoch.js';
import { databases } from './both-databases.js';
import { identifier, World } from './world.js';

const any = expect.any(Number) as number;

describe.each(databases)('what a suspension exposed, on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let exposure: SqlExposure;
  beforeAll(async () => {
    database = await open();
    exposure = new SqlExposure(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  async function suspendEverything(): Promise<string> {
    const id = identifier('sus');
    const suspension = { id, kind: 'everything', target: null, reason: 'leaked image', raisedBy: 'key01', expiresAt: null } as const;
    await world.change({ kind: 'suspension.raised', suspension });
    return id;
  }

  it('is followed up token by token', async () => {
    const run = await world.running();
    const issue = (row: Partial<Parameters<World['issuance']>[0]> = {}) => world.issuance({ run, ...row });
    const revoked = await issue();
    const waiting = await issue({ expiresIn: 300 });
    const givenUp = await issue({ expiresIn: 450 });
    const unsupported = await issue({ expiresIn: 500, revocation: 'unsupported' });
    const unknown = await issue({ state: 'unknown', exposedFor: 400 });
    const dying = await issue();
    const failing = await issue({ state: 'open' });
    await issue({ revocation: 'revoked' });
    await issue({ expiresIn: -1 });
    const suspension = await suspendEverything();
    const later = await issue();
    await world.rows(`update issuance set revocation = 'revoked' where id = $1`, revoked);
    await world.rows(`update work set done_at = now() where subject = $1`, revoked);
    await world.rows(`update issuance set sealed = 'x' where id = $1`, waiting);
    expect(await new IssuanceRows(database).takeDueRevocations(10, 1000)).toHaveLength(1);
    const pauses = { first: 60_000, longest: 60_000, shortest: 0 };
    await new SqlOwedWork(database).postpone({ kind: 'revoke', subject: waiting }, 'server_unavailable', pauses);
    await world.rows(`update issuance set revocation = 'given_up' where id = $1`, givenUp);
    await world.rows(`update issuance set expires_at = now() - interval '1 second' where id = $1`, dying);
    await world.rows(`update issuance set state = 'failed' where id = $1`, failing);

    const none = { attempts: 0, lastError: null, nextAttemptAt: null, revokedAt: null };
    const { tokens, summary } = await exposure.ofSuspension(suspension, '', 10);
    expect(new Map(tokens.map((token) => [token.issuance, token]))).toEqual(
      new Map(
        [
          { issuance: revoked, fate: 'revoked', ...none, revokedAt: any },
          { issuance: waiting, fate: 'pending', attempts: 1, lastError: 'server_unavailable', nextAttemptAt: any, revokedAt: null },
          { issuance: givenUp, fate: 'given_up', ...none },
          { issuance: unsupported, fate: 'unsupported', ...none },
          { issuance: unknown, fate: 'unsupported', ...none, state: 'unknown' },
          { issuance: dying, fate: 'expired', ...none },
          { issuance: failing, fate: 'never_issued', ...none, state: 'failed' },
        ].map((token) => [
          token.issuance,
          {
            state: 'issued',
            run,
            workflow: 'nightly-index',
            client: 'indexer',
            resource: 'crm',
            authorizationServer: 'demo',
            expiresAt: any,
            ...token,
          },
        ]),
      ),
    );
    expect(tokens.map(({ issuance }) => issuance)).not.toContain(later);
    expect(summary.fates).toEqual({ revoked: 1, pending: 1, given_up: 1, unsupported: 2, expired: 1, never_issued: 1 });
    expect(Math.round(((summary.liveUntil ?? 0) - Date.now()) / 100_000)).toBe(5);
  });

  it('comes in pages', async () => {
    const run = await world.running();
    const issued = [await world.issuance({ run }), await world.issuance({ run }), await world.issuance({ run })].sort();
    const suspension = await suspendEverything();
    const { tokens: first } = await exposure.ofSuspension(suspension, '', 2);
    const { tokens: second, summary } = await exposure.ofSuspension(suspension, first.at(-1)?.issuance ?? '', 2);
    expect([...first, ...second].map(({ issuance }) => issuance)).toEqual(issued);
    expect([first.length, second.length]).toEqual([2, 1]);
    const pending = { revoked: 0, pending: 3, given_up: 0, unsupported: 0, expired: 0, never_issued: 0 };
    expect(summary).toEqual({ fates: pending, liveUntil: any, complete: true });
    expect((await exposure.ofSuspension(await suspendEverything(), '', 10)).summary.fates).toEqual(pending);
    expect(await exposure.ofSuspension('sus404', '', 2)).toEqual({
      tokens: [],
      summary: { fates: { ...pending, pending: 0 }, liveUntil: null, complete: true },
    });
  });

  it('is kept with the suspension, when it is lifted too', async () => {
    const past = new SqlSuspensions(database);
    const first = await suspendEverything();
    const epoch = printEpoch(await world.epoch());
    const known = {
      id: first,
      kind: 'everything',
      target: null,
      reason: 'leaked image',
      raisedBy: 'key01',
      raisedAt: any,
      expiresAt: null,
    };
    expect(await past.find(first)).toEqual({ ...known, epoch, liftedAt: null, liftedBy: null });
    await world.change({ kind: 'suspension.lifted', suspension: first, liftedBy: 'key02' });
    expect(await past.find(first)).toEqual({ ...known, epoch, liftedAt: any, liftedBy: 'key02' });
    const second = await suspendEverything();
    expect((await past.all(10)).map(({ id }) => id)).toEqual([first, second].sort().reverse());
    expect(await past.all(1)).toHaveLength(1);
    expect(await past.find('sus404')).toBeNull();
  });
});
