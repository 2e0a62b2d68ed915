import type { Database } from '../../src/store/database.js';
import { IssuanceRows } from '../../src/store/issuance-rows.js';
import { SqlOwedWork } from '../../src/store/sql-owed-work.js';
import { databases } from './both-databases.js';
import { intentOf, outcomeOf, Recording, releaseOf, revocationOf, tokenOf, type ActiveRun, type Token } from './recording.js';

describe.each(databases)('the rows of issuances on %s', (_, open) => {
  let database: Database;
  let recording: Recording;
  let rows: IssuanceRows;
  let run: ActiveRun;

  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    recording = await Recording.empty(database);
    rows = new IssuanceRows(database);
    run = await recording.run();
  });

  /** What is due now is kept in whole milliseconds, rounded: it may be due half of one later. */
  const aMomentLater = () => database.query(`update work set due_at = due_at - interval '1 millisecond'`);

  async function openedBy(instance: string): Promise<string> {
    const intent = intentOf(run, [], { instance });
    await recording.verdict(intent);
    return intent.effect.issuance;
  }

  async function refused(token: Token = tokenOf()): Promise<string> {
    const issuance = await recording.opened(run);
    await recording.verdict(outcomeOf(issuance, 'refused', token));
    return issuance;
  }

  const past = (milliseconds: number): number => Date.now() - milliseconds;
  const idsOf = (found: readonly { readonly issuance: string }[]): readonly string[] => found.map(({ issuance }) => issuance);

  describe('open intents', () => {
    it('are found past their deadline, the oldest first', async () => {
      const [later, sooner, closed] = [await openedBy('ins01'), await openedBy('ins01'), await openedBy('ins01')];
      await openedBy('ins01');
      await recording.verdict(outcomeOf(closed, 'unknown'));
      for (const [issuance, ago] of [
        [later, '1 s'],
        [sooner, '2 s'],
        [closed, '3 s'],
      ]) {
        await database.query('update issuance set deadline = now() - $2::interval where id = $1', [issuance, ago]);
      }
      expect(idsOf(await rows.openPastDeadline(10))).toEqual([sooner, later]);
      expect(idsOf(await rows.openPastDeadline(1))).toEqual([sooner]);
    });

    it('of earlier instances are found whatever their deadline, with what ties them to the server’s own list', async () => {
      const issuance = await openedBy('ins00');
      await openedBy('ins01');
      const [found, ...others] = await rows.openOfEarlierInstances('ins01');
      expect(others).toEqual([]);
      const { opened_at: openedAt, deadline, exposed_until: exposedUntil } = await recording.issuance(issuance);
      expect(found).toEqual({
        issuance,
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        clientId: 'corridor-indexer',
        authorizationServer: 'demo',
        resource: 'crm',
        credential: 'cre01',
        scope: ['crm:read', 'crm:write'],
        assertionJti: 'jti-of-the-assertion',
        instance: 'ins00',
        openedAt: (openedAt as Date).getTime(),
        deadline: (deadline as Date).getTime(),
        exposedUntil: (exposedUntil as Date).getTime(),
      });
    });
  });

  describe('live issuances', () => {
    it('come with all that a cache needs', async () => {
      const token = tokenOf({ audience: 'unverified', jti: null, grantedDetails: '[{"type":"payment"}]', binding: 'unverified' });
      const issuance = await recording.issued(run, token);
      const [live, ...others] = await rows.live(10);
      expect(others).toEqual([]);
      expect({ ...live, sealed: Buffer.from(live?.sealed ?? []) }).toEqual({
        issuance,
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        clientId: 'corridor-indexer',
        authorizationServer: 'demo',
        resource: 'crm',
        credential: 'cre01',
        cacheKey: 'key',
        isolation: 'run',
        sealed: token.sealed,
        tokenSha256: token.sha256,
        tokenJti: null,
        issuedAt: token.issuedAt,
        expiresAt: token.expiresAt,
        servedUntil: token.servedUntil,
        granted: ['crm:read'],
        grantedDetails: '[{"type":"payment"}]',
        audience: 'unverified',
        binding: 'unverified',
      });
    });

    it('are those that may be released, and no others', async () => {
      const [kept, withdrawn] = [await recording.issued(run), await recording.issued(run)];
      await recording.issued(run, tokenOf({ servedUntil: past(1) }));
      await recording.opened(run);
      await refused();
      await database.query(`update issuance set revocation = 'pending' where id = $1`, [withdrawn]);
      expect(idsOf(await rows.live(10))).toEqual([kept]);
      expect(await recording.verdict(releaseOf(run, kept))).toBe('recorded');
    });

    it('are found by their cache key, the longest-lived first', async () => {
      const [short, long] = [await recording.issued(run, tokenOf({ servedUntil: Date.now() + 9000 })), await recording.issued(run)];
      const other = await recording.issued(run);
      await database.query(`update issuance set cache_key = 'other' where id = $1`, [other]);
      expect(idsOf(await rows.live(10, 'key'))).toEqual([long, short]);
      expect(idsOf(await rows.live(10, 'other'))).toEqual([other]);
      expect(await rows.live(2)).toHaveLength(2);
    });
  });

  describe('revocations that are due', () => {
    it('are taken by one at a time, and come again when nobody reports on them', async () => {
      const token = tokenOf();
      const issuance = await refused(token);
      const [first] = await rows.takeDueRevocations(10, 60_000);
      expect({ ...first, sealed: Buffer.from(first?.sealed ?? []) }).toEqual({
        issuance,
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        clientId: 'corridor-indexer',
        authorizationServer: 'demo',
        resource: 'crm',
        credential: 'cre01',
        sealed: token.sealed,
        tokenSha256: token.sha256,
        tokenJti: token.jti,
        expiresAt: token.expiresAt,
        attempts: 1,
      });
      expect(await rows.takeDueRevocations(10, 60_000)).toEqual([]);
      await database.query(`update work set due_at = due_at - interval '1 minute'`);
      expect(await rows.takeDueRevocations(10, 60_000)).toMatchObject([{ issuance, attempts: 2 }]);
    });

    it('are taken in portions', async () => {
      const all = [await refused(), await refused(), await refused()];
      const [first, second] = [await rows.takeDueRevocations(2, 60_000), await rows.takeDueRevocations(2, 60_000)];
      expect([first.length, second.length]).toEqual([2, 1]);
      expect([...idsOf(first), ...idsOf(second)].sort()).toEqual(all.sort());
    });

    it('are taken of one client, or of all but some', async () => {
      const [own, other, third] = [await refused(), await refused(), await refused()];
      for (const [issuance, client] of [
        [other, 'other'],
        [third, 'third'],
      ]) {
        await database.query('update issuance set client = $2 where id = $1', [issuance, client]);
      }
      expect(idsOf(await rows.takeDueRevocations(10, 60_000, { but: ['indexer', 'third'] }))).toEqual([other]);
      expect(idsOf(await rows.takeDueRevocations(10, 60_000, { only: 'third' }))).toEqual([third]);
      expect(idsOf(await rows.takeDueRevocations(10, 60_000, { but: [] }))).toEqual([own]);
    });

    it('are no longer due once they are reported on', async () => {
      const [revoked, unsupported] = [await refused(), await refused()];
      await recording.verdicts(revocationOf(revoked), revocationOf(unsupported, 'unsupported'));
      expect(await rows.takeDueRevocations(10, 1)).toEqual([]);
    });

    it('that failed wait until they are due again', async () => {
      const issuance = await refused();
      await rows.takeDueRevocations(10, 1);
      const work = new SqlOwedWork(database);
      await work.postpone({ kind: 'revoke', subject: issuance }, 'server_unavailable', { first: 60_000, longest: 60_000, shortest: 0 });
      expect(await rows.takeDueRevocations(10, 1)).toEqual([]);
      expect(await recording.row('select last_error, attempts from work')).toEqual({ last_error: 'server_unavailable', attempts: 1 });
      await work.postpone({ kind: 'revoke', subject: issuance }, 'server_unavailable', { first: 0, longest: 0, shortest: 0 });
      await aMomentLater();
      expect(idsOf(await rows.takeDueRevocations(10, 1))).toEqual([issuance]);
    });

    it('are pointless once the token has expired', async () => {
      await refused(tokenOf({ expiresAt: past(1) }));
      expect(await rows.takeDueRevocations(10, 1)).toEqual([]);
    });
  });

  it('withdraw what may not be served any longer and still lives, once', async () => {
    const served = await recording.issued(run, tokenOf({ servedUntil: past(1) }));
    await recording.issued(run, tokenOf({ servedUntil: past(1), expiresAt: past(1) }));
    const live = await recording.issued(run);
    expect(await rows.withdrawServed(10)).toEqual([served]);
    expect(await rows.withdrawServed(10)).toEqual([]);
    await aMomentLater();
    expect(idsOf(await rows.takeDueRevocations(10, 1))).toEqual([served]);
    expect(await recording.verdicts(releaseOf(run, served), releaseOf(run, live))).toEqual(['not_live', 'recorded']);
  });

  it('forget the texts of dead tokens, and what was still to be done about them', async () => {
    const expired = await refused(tokenOf({ expiresAt: past(1) }));
    const [live, pending] = [await recording.issued(run), await refused()];
    // that it died unrevoked is recorded first
    expect(await rows.wipeDead(10)).toBe(0);
    expect(await rows.expiredUnrevoked(10)).toMatchObject([{ issuance: expired, run: run.id, attempts: 0, lastError: null }]);
    await recording.verdict(revocationOf(expired, 'unsupported'));
    expect(await rows.expiredUnrevoked(10)).toEqual([]);
    expect(await rows.wipeDead(10)).toBe(1);
    expect(await rows.wipeDead(10)).toBe(0);
    const kept = await database.query('select id, sealed is not null as kept from issuance order by id');
    expect(kept).toEqual([expired, live, pending].sort().map((id) => ({ id, kept: id !== expired })));
    const done = await database.query('select subject, done_at is not null as done from work order by subject');
    expect(done).toEqual([expired, pending].sort().map((subject) => ({ subject, done: subject === expired })));
  });
});
