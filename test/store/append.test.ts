import { LogUnavailable, type Append, type Verdict } from '../../src/attribution/entry-log.js';
import type { Database } from '../../src/store/database.js';
import { databases } from './both-databases.js';
import {
  append,
  entryOf,
  epoch,
  identifier,
  intentOf,
  outcomeOf,
  Recording,
  releaseOf,
  revocationOf,
  tokenOf,
  type ActiveRun,
} from './recording.js';

describe.each(databases)('the record on %s', (_, open) => {
  let database: Database;
  let recording: Recording;
  let run: ActiveRun;

  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    recording = await Recording.empty(database);
    run = await recording.run();
  });

  describe('an entry', () => {
    it('is stored with its bytes, its columns and the time of the database', async () => {
      const columns = {
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        resource: 'crm',
        owner: 'search-team@example.com',
        issuance: 'iss01',
        decision: 'dec01',
        tokenSha256: 'ab'.repeat(32),
        tokenJti: 'Zürich "1" \\ {2}',
      };
      const item = append({ entry: entryOf('token.released', columns), epoch, run });
      const { verdict, at } = await recording.one(item);
      expect(verdict).toBe('recorded');
      const { number, recorded_at: recordedAt, bytes, ...stored } = await recording.row('select * from entry');
      expect(Number(number)).toBeGreaterThan(0);
      expect(recordedAt).toEqual(new Date(at));
      expect(Buffer.from(bytes as Uint8Array).equals(Buffer.from(item.entry.text))).toBe(true);
      expect(stored).toEqual({
        id: item.entry.id,
        type: 'token.released',
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        resource: 'crm',
        owner: 'search-team@example.com',
        issuance: 'iss01',
        decision: 'dec01',
        token_sha256: 'ab'.repeat(32),
        token_jti: 'Zürich "1" \\ {2}',
      });
    });

    it('may be as long as 65,535 bytes', async () => {
      const long = (length: number): Append => append({ entry: { ...entryOf('token.denied'), text: 'x'.repeat(length) } });
      expect(await recording.verdicts(long(65_535), long(65_536))).toEqual(['recorded', 'bad']);
      expect(await recording.row('select length(bytes) as length from entry')).toEqual({ length: 65_535 });
    });

    it('has columns that it lacks left empty', async () => {
      await recording.verdicts(append());
      expect(await recording.row('select run, workflow, token_jti from entry')).toEqual({ run: null, workflow: null, token_jti: null });
    });

    it('gets its number in the order in which it was given', async () => {
      const items = Array.from({ length: 50 }, () => append());
      await recording.verdicts(...items);
      const rows = await database.query('select id from entry order by number');
      expect(rows.map(({ id }) => id)).toEqual(items.map(({ entry }) => entry.id));
    });

    it('is a duplicate the second time, and does what it does once', async () => {
      const intent = intentOf(run, [{ key: 'run:a', version: 0 }]);
      expect(await recording.verdict(intent)).toBe('recorded');
      expect(await recording.verdict(intent)).toBe('duplicate');
      expect(await recording.counter('run:a')).toEqual({ version: 1, tokens: 1 });
      expect(await recording.count('issuance')).toBe(1);
    });

    it('is a duplicate also when it is given twice at once', async () => {
      const intent = intentOf(run, [{ key: 'run:a', version: 0 }]);
      expect(await recording.verdicts(append(), intent, intent, append())).toEqual(['recorded', 'recorded', 'duplicate', 'recorded']);
      expect(await recording.counter('run:a')).toEqual({ version: 1, tokens: 1 });
    });

    it('stays a duplicate when facts, run and issuance are no longer so', async () => {
      const release = releaseOf(run, await recording.issued(run));
      await recording.verdict(release);
      await database.query('update facts set number = number + 1');
      await database.query('update run set ended_at = now()');
      await database.query(`update issuance set revocation = 'pending'`);
      expect(await recording.verdict(release)).toBe('duplicate');
    });
  });

  describe('facts', () => {
    it.each([
      ['an older number', { ...epoch, number: epoch.number - 1 }],
      ['a number to come', { ...epoch, number: epoch.number + 1 }],
      ['another incarnation', { ...epoch, incarnation: 'inc02' }],
    ])('of %s are stale', async (_title, known) => {
      expect(await recording.verdict(append({ epoch: known }))).toBe('stale');
      expect(await recording.count('entry')).toBe(0);
    });

    it('are not compared for what has happened in any case', async () => {
      expect(await recording.verdict(append({ epoch: null }))).toBe('recorded');
    });

    it('are compared for each entry by itself', async () => {
      const stale = { ...epoch, number: 6 };
      expect(await recording.verdicts(append({ epoch }), append({ epoch: stale }), append())).toEqual(['recorded', 'stale', 'recorded']);
    });

    it('that are missing let nothing be recorded', async () => {
      await database.query('delete from facts');
      await expect(recording.verdict(append())).rejects.toThrow(LogUnavailable);
    });
  });

  describe('a run', () => {
    const denial = (of: ActiveRun): Append => append({ run: of, epoch });

    it('that is active may be recorded for', async () => {
      expect(await recording.verdict(denial(run))).toBe('recorded');
    });

    it('that is unknown is over', async () => {
      expect(await recording.verdict(denial({ id: 'run0nobody', credential: 'cre01' }))).toBe('run_over');
    });

    it('that has ended is over', async () => {
      await database.query('update run set ended_at = now()');
      expect(await recording.verdict(denial(run))).toBe('run_over');
    });

    it('that has expired by the clock of the database is over', async () => {
      await database.query(`update run set expires_at = now() - interval '1 second'`);
      expect(await recording.verdict(denial(run))).toBe('run_over');
    });

    it('whose credential was replaced is over for the old one', async () => {
      const [before, after] = [denial(run), denial({ ...run, credential: 'cre0new' })];
      await database.query(`update run set credential_id = 'cre0new'`);
      expect(await recording.verdicts(before, after)).toEqual(['run_over', 'recorded']);
    });

    it('is over when any of its ancestors has ended, has expired or is unknown', async () => {
      const [grandparent, other] = [await recording.run(), await recording.run()];
      const parent = await recording.run([grandparent]);
      const child = await recording.run([parent, grandparent]);
      const orphan = await recording.run([{ id: 'run0nobody', credential: '' }]);
      expect(await recording.verdicts(denial(child), denial(orphan))).toEqual(['recorded', 'run_over']);
      await database.query('update run set ended_at = now() where id = $1', [grandparent.id]);
      expect(await recording.verdicts(denial(child), denial(parent), denial(other))).toEqual(['run_over', 'run_over', 'recorded']);
      await database.query(`update run set ended_at = null, expires_at = now() - interval '1 second' where id = $1`, [grandparent.id]);
      expect(await recording.verdicts(denial(child), denial(parent), denial(other))).toEqual(['run_over', 'run_over', 'recorded']);
    });

    it('need not be active where the append says so', async () => {
      await database.query('update run set ended_at = now()');
      expect(await recording.verdict({ ...denial(run), run: null })).toBe('recorded');
    });
  });

  describe('a release', () => {
    it('is recorded while its issuance is live, for as many as share it', async () => {
      const issuance = await recording.issued(run);
      const other = await recording.run();
      expect(await recording.verdicts(releaseOf(run, issuance), releaseOf(other, issuance))).toEqual(['recorded', 'recorded']);
    });

    it.each([
      ['was withdrawn', `update issuance set revocation = 'pending'`],
      ['was revoked', `update issuance set revocation = 'revoked'`],
      ['cannot be revoked but was withdrawn', `update issuance set revocation = 'unsupported'`],
      ['may not be served any longer', `update issuance set served_until = now() - interval '1 second'`],
      ['never was served', `update issuance set served_until = null`],
      ['was refused', `update issuance set state = 'refused'`],
      ['is not known to be issued', `update issuance set state = 'unknown'`],
      ['is not there', `delete from issuance`],
    ])('of an issuance that %s is not live', async (_title, change) => {
      const issuance = await recording.issued(run);
      await database.query(change);
      expect(await recording.verdict(releaseOf(run, issuance))).toBe('not_live');
    });

    it('of an issuance that is still open is not live', async () => {
      const intent = intentOf(run);
      await recording.verdict(intent);
      expect(await recording.verdict(releaseOf(run, intent.effect.issuance))).toBe('not_live');
    });
  });

  describe('an intent', () => {
    it('opens its issuance with a deadline on the clock of the database', async () => {
      const intent = intentOf(run, [{ key: 'run:a', version: 0 }]);
      const { at } = await recording.one(intent);
      expect(await recording.issuance(intent.effect.issuance)).toEqual({
        id: intent.effect.issuance,
        state: 'open',
        run: run.id,
        workflow: 'nightly-index',
        client: 'indexer',
        client_id: 'corridor-indexer',
        authorization_server: 'demo',
        resource: 'crm',
        scope: ['crm:read', 'crm:write'],
        credential: 'cre01',
        cache_key: 'key',
        isolation: 'run',
        assertion_jti: 'jti-of-the-assertion',
        counters: ['run:a'],
        instance: 'ins01',
        opened_at: new Date(at),
        deadline: new Date(at + 10_000),
        exposed_until: new Date(at + 3_610_000),
        closed_at: null,
        token_sha256: null,
        token_jti: null,
        sealed: null,
        issued_at: null,
        expires_at: null,
        served_until: null,
        granted: null,
        granted_details: null,
        audience: null,
        audience_verified: false,
        binding: null,
        revocation: null,
      });
    });

    it('of an issuance that is there is bad, and the one that is there stays as it was', async () => {
      const issuance = await recording.opened(run);
      const before = await recording.issuance(issuance);
      expect(await recording.verdict(intentOf(run, [], { issuance, client: 'another' }))).toBe('bad');
      expect(await recording.issuance(issuance)).toEqual(before);
    });

    it('that is not recorded opens nothing, counts nothing and stores no input', async () => {
      const counters = [{ key: 'run:a', version: 0 }];
      const decisionInput = { sha256: 'ab'.repeat(32), sealed: Buffer.from('input') };
      const stale = { ...intentOf(run, counters), epoch: { ...epoch, number: 6 }, decisionInput };
      const over = { ...intentOf({ ...run, credential: 'cre0old' }, counters), decisionInput };
      expect(await recording.verdicts(stale, over)).toEqual(['stale', 'run_over']);
      expect(await recording.count('issuance')).toBe(0);
      expect(await recording.count('decision_input')).toBe(0);
      expect(await recording.counter('run:a')).toEqual({ version: 0, tokens: 0 });
    });
  });

  describe('counters', () => {
    const [a, b] = [
      { key: 'run:a', version: 0 },
      { key: 'workflow:b@2026-03-03', version: 0 },
    ];

    it('that nobody raised yet have version 0, and an intent raises all that it read', async () => {
      expect(await recording.verdict(intentOf(run, [a, b]))).toBe('recorded');
      expect(await recording.counter(a.key)).toEqual({ version: 1, tokens: 1 });
      expect(await recording.counter(b.key)).toEqual({ version: 1, tokens: 1 });
    });

    it('that moved since they were read are told, and nothing is done', async () => {
      await recording.verdict(intentOf(run, [a]));
      const late = intentOf(run, [b, a]);
      expect(await recording.verdict(late)).toBe('counters_moved');
      expect(await recording.verdict(intentOf(run, [{ ...a, version: 2 }]))).toBe('counters_moved');
      expect(await recording.isRecorded(late)).toBe(false);
      expect(await recording.counter(b.key)).toEqual({ version: 0, tokens: 0 });
      expect(await recording.verdict(intentOf(run, [b, { ...a, version: 1 }]))).toBe('recorded');
    });

    it('are raised by one intent for the next of the same call', async () => {
      const [first, second, third] = [intentOf(run, [a]), intentOf(run, [a]), intentOf(run, [{ ...a, version: 1 }])];
      expect(await recording.verdicts(first, second, third)).toEqual(['recorded', 'counters_moved', 'recorded']);
      expect(await recording.counter(a.key)).toEqual({ version: 2, tokens: 2 });
    });

    it('are compared for releases and denials too, which do not raise them', async () => {
      const issuance = await recording.issued(run);
      await recording.verdict(intentOf(run, [a]));
      const [moved, read] = [[a], [{ ...a, version: 1 }]];
      expect(
        await recording.verdicts(
          { ...releaseOf(run, issuance), counters: moved },
          { ...releaseOf(run, issuance), counters: read },
          append({ counters: moved }),
          append({ counters: read }),
        ),
      ).toEqual(['counters_moved', 'recorded', 'counters_moved', 'recorded']);
      expect(await recording.counter(a.key)).toEqual({ version: 1, tokens: 1 });
    });

    it('are given back by a failure alone', async () => {
      const versions = [0, 1, 2, 3];
      const opened: string[] = [];
      for (const version of versions) opened.push(await recording.opened(run, [{ ...a, version }]));
      const [failed = '', refused = '', unknown = '', issued = ''] = opened;
      await recording.verdicts(outcomeOf(refused, 'refused'), outcomeOf(unknown, 'unknown'), outcomeOf(issued, 'issued'));
      expect(await recording.counter(a.key)).toEqual({ version: 4, tokens: 4 });
      await recording.verdicts(outcomeOf(failed, 'failed'), outcomeOf(failed, 'failed'));
      expect(await recording.counter(a.key)).toEqual({ version: 5, tokens: 3 });
    });

    it('that a failure gave back have moved for what follows in the same call', async () => {
      const issuance = await recording.opened(run, [a]);
      expect(await recording.verdicts(outcomeOf(issuance, 'failed'), intentOf(run, [{ ...a, version: 1 }]))).toEqual([
        'recorded',
        'counters_moved',
      ]);
    });
  });

  describe('an outcome', () => {
    it('that issued keeps what is needed to serve and to revoke the token', async () => {
      const issuance = await recording.opened(run);
      const token = tokenOf();
      const { at } = await recording.one(outcomeOf(issuance, 'issued', token));
      expect(await recording.issuance(issuance)).toMatchObject({
        state: 'issued',
        closed_at: new Date(at),
        token_sha256: token.sha256,
        token_jti: token.jti,
        issued_at: new Date(token.issuedAt),
        expires_at: new Date(token.expiresAt),
        served_until: new Date(token.servedUntil),
        granted: ['crm:read'],
        audience: ['https://crm.example/api'],
        audience_verified: true,
        binding: 'none',
        revocation: null,
      });
      const { sealed } = await recording.row('select sealed from issuance');
      expect(Buffer.from(sealed as Uint8Array).equals(token.sealed)).toBe(true);
      expect(await recording.count('work')).toBe(0);
    });

    it('whose audience could not be learned says so', async () => {
      const issuance = await recording.issued(run, tokenOf({ audience: 'unverified' }));
      expect(await recording.issuance(issuance)).toMatchObject({ audience: null, audience_verified: false });
    });

    it('that may have a jti of any length', async () => {
      const jti = Buffer.alloc(20_000, 'j').toString();
      await recording.issued(run, tokenOf({ jti }));
      expect(await recording.count('issuance where token_jti = $1', jti)).toBe(1);
    });

    it('that refused a token leaves the work of revoking it, at once', async () => {
      const issuance = await recording.opened(run);
      const token = tokenOf();
      const { at } = await recording.one(outcomeOf(issuance, 'refused', token));
      expect(await recording.issuance(issuance)).toMatchObject({ state: 'refused', revocation: 'pending', token_sha256: token.sha256 });
      expect(await recording.row('select kind, subject, due_at, attempts, done_at from work')).toEqual({
        kind: 'revoke',
        subject: issuance,
        due_at: new Date(at),
        attempts: 0,
        done_at: null,
      });
      expect(await recording.verdict(releaseOf(run, issuance))).toBe('not_live');
    });

    it.each(['refused', 'failed', 'unknown'] as const)('%s without a token leaves nothing to be done', async (state) => {
      const issuance = await recording.opened(run);
      expect(await recording.verdict(outcomeOf(issuance, state))).toBe('recorded');
      expect(await recording.issuance(issuance)).toMatchObject({ state, revocation: null, sealed: null });
      expect(await recording.count('work')).toBe(0);
    });

    it('is recorded although the run is over and facts have changed', async () => {
      const issuance = await recording.opened(run);
      await database.query('update run set ended_at = now()');
      await database.query('update facts set number = number + 1');
      expect(await recording.verdict(outcomeOf(issuance, 'issued'))).toBe('recorded');
    });

    it('that comes after another is late, and its token is kept to be revoked', async () => {
      const issuance = await recording.opened(run);
      const token = tokenOf();
      const [closed, late] = [outcomeOf(issuance, 'unknown'), outcomeOf(issuance, 'issued', token)];
      expect(await recording.verdict(closed)).toBe('recorded');
      expect(await recording.verdict(late)).toBe('late');
      expect(await recording.isRecorded(late)).toBe(false);
      expect(await recording.issuance(issuance)).toMatchObject({
        state: 'unknown',
        revocation: 'pending',
        token_sha256: token.sha256,
        expires_at: new Date(token.expiresAt),
      });
      expect(await recording.count(`work where kind = 'revoke' and subject = $1 and done_at is null`, issuance)).toBe(1);
      expect(await recording.verdict(late)).toBe('late');
      expect(await recording.count('work')).toBe(1);
    });

    it('of an attempt that was withdrawn meanwhile leaves nothing to revoke unless it brought a text, be it late', async () => {
      const issuance = await recording.opened(run);
      await database.query('select withdraw_issuances(array[$1], now())', [issuance]);
      expect(await recording.verdict(outcomeOf(issuance, 'unknown'))).toBe('recorded');
      expect(await recording.count('work where done_at is null')).toBe(0);
      expect(await recording.verdict(outcomeOf(issuance, 'issued'))).toBe('late');
      expect(await recording.issuance(issuance)).toMatchObject({ state: 'unknown', revocation: 'pending' });
      expect(await recording.count(`work where kind = 'revoke' and subject = $1 and done_at is null`, issuance)).toBe(1);
    });

    it('that comes after another and brought nothing leaves all as it was', async () => {
      const issuance = await recording.issued(run);
      const before = await recording.issuance(issuance);
      expect(await recording.verdicts(outcomeOf(issuance, 'unknown'), outcomeOf(issuance, 'failed'))).toEqual(['late', 'late']);
      expect(await recording.issuance(issuance)).toEqual(before);
      expect(await recording.verdict(releaseOf(run, issuance))).toBe('recorded');
    });

    it('that comes after the same token was issued withdraws it', async () => {
      const token = tokenOf();
      const issuance = await recording.issued(run, token);
      expect(await recording.verdict(outcomeOf(issuance, 'refused', token))).toBe('late');
      expect(await recording.issuance(issuance)).toMatchObject({ state: 'issued', revocation: 'pending', token_sha256: token.sha256 });
      expect(await recording.verdict(releaseOf(run, issuance))).toBe('not_live');
    });

    it('is one alone, also within one call', async () => {
      const issuance = await recording.opened(run);
      const [first, second] = [outcomeOf(issuance, 'unknown'), outcomeOf(issuance, 'issued')];
      expect(await recording.verdicts(first, second)).toEqual(['recorded', 'late']);
      expect(await recording.issuance(issuance)).toMatchObject({ state: 'unknown', revocation: 'pending' });
    });

    it('without an intent is bad', async () => {
      expect(await recording.verdict(outcomeOf(identifier('iss'), 'issued'))).toBe('bad');
    });
  });

  describe('a revocation', () => {
    async function withdrawn(): Promise<string> {
      const issuance = await recording.opened(run);
      await recording.verdict(outcomeOf(issuance, 'refused', tokenOf()));
      return issuance;
    }

    it('that is confirmed ends the work and drops the text of the token', async () => {
      const issuance = await withdrawn();
      const { at } = await recording.one(revocationOf(issuance));
      expect(await recording.issuance(issuance)).toMatchObject({ state: 'refused', revocation: 'revoked', sealed: null });
      expect(await recording.row('select done_at from work')).toEqual({ done_at: new Date(at) });
    });

    it('that the server does not support ends the work and keeps the text until it expires', async () => {
      const issuance = await withdrawn();
      expect(await recording.verdict(revocationOf(issuance, 'unsupported'))).toBe('recorded');
      const row = await recording.issuance(issuance);
      expect(row.revocation).toBe('unsupported');
      expect(row.sealed).not.toBeNull();
      expect(await recording.count('work where done_at is null')).toBe(0);
    });

    it('that somebody else reported before is late', async () => {
      const issuance = await withdrawn();
      expect(await recording.verdicts(revocationOf(issuance), revocationOf(issuance), revocationOf(issuance, 'unsupported'))).toEqual([
        'recorded',
        'late',
        'late',
      ]);
      expect(await recording.count(`entry where type = 'token.revoked'`)).toBe(1);
      expect(await recording.issuance(issuance)).toMatchObject({ revocation: 'revoked' });
    });

    it('that was possible after all follows one that was not', async () => {
      const issuance = await withdrawn();
      const verdicts = await recording.verdicts(revocationOf(issuance, 'unsupported'), revocationOf(issuance));
      expect(verdicts).toEqual(['recorded', 'recorded']);
      expect(await recording.issuance(issuance)).toMatchObject({ revocation: 'revoked', sealed: null });
    });

    it('of nothing is bad', async () => {
      expect(await recording.verdict(revocationOf(identifier('iss')))).toBe('bad');
    });
  });

  describe('what is given together', () => {
    it('happens in the order given: an outcome, then the release that rests on it', async () => {
      const issuance = await recording.opened(run);
      expect(await recording.verdicts(outcomeOf(issuance, 'issued'), releaseOf(run, issuance))).toEqual(['recorded', 'recorded']);
    });

    it('happens in the order given: a release before its outcome is not live', async () => {
      const issuance = await recording.opened(run);
      expect(await recording.verdicts(releaseOf(run, issuance), outcomeOf(issuance, 'issued'))).toEqual(['not_live', 'recorded']);
    });

    it('happens in the order given: intent, outcome, release, revocation, release', async () => {
      const intent = intentOf(run);
      const { issuance } = intent.effect;
      const items = [intent, outcomeOf(issuance, 'issued'), releaseOf(run, issuance), revocationOf(issuance), releaseOf(run, issuance)];
      expect(await recording.verdicts(...items)).toEqual(['recorded', 'recorded', 'recorded', 'recorded', 'not_live']);
    });

    it('does not release what an outcome of the same call refused', async () => {
      const issuance = await recording.opened(run);
      const verdicts = await recording.verdicts(outcomeOf(issuance, 'refused', tokenOf()), releaseOf(run, issuance));
      expect(verdicts).toEqual(['recorded', 'not_live']);
    });

    it('rests on nothing that was not recorded', async () => {
      const intent = { ...intentOf(run), epoch: { ...epoch, number: 6 } };
      const { issuance } = intent.effect;
      expect(await recording.verdicts(intent, outcomeOf(issuance, 'issued'), releaseOf(run, issuance))).toEqual([
        'stale',
        'bad',
        'not_live',
      ]);
    });

    it('gets one verdict each, whatever the others get', async () => {
      const issuance = await recording.issued(run);
      const ended = await recording.run();
      await database.query('update run set ended_at = now() where id = $1', [ended.id]);
      const again = append();
      await recording.verdict(again);
      const expected: [Append, Verdict][] = [
        [releaseOf(run, issuance), 'recorded'],
        [again, 'duplicate'],
        [{ ...releaseOf(run, issuance), epoch: { ...epoch, number: 1 } }, 'stale'],
        [releaseOf(ended, issuance), 'run_over'],
        [releaseOf(run, identifier('iss')), 'not_live'],
        [intentOf(run, [{ key: 'run:a', version: 3 }]), 'counters_moved'],
        [outcomeOf(issuance, 'failed'), 'late'],
        [append({ entry: entryOf('token.denied', { client: 'a\0b' }) }), 'bad'],
        [append(), 'recorded'],
      ];
      expect(await recording.verdicts(...expected.map(([item]) => item))).toEqual(expected.map(([, verdict]) => verdict));
      for (const [item, verdict] of expected)
        expect(await recording.isRecorded(item)).toBe(verdict === 'recorded' || verdict === 'duplicate');
    });
  });

  describe('the input of a decision', () => {
    it('is stored once, by its digest', async () => {
      const decisionInput = { sha256: 'ab'.repeat(32), sealed: Buffer.from([0, 1, 255]) };
      const other = { ...decisionInput, sealed: Buffer.from('sealed anew') };
      await recording.verdicts(append({ decisionInput }), append({ decisionInput }));
      await recording.verdicts(append({ decisionInput: other }));
      const { sha256, sealed } = await recording.row('select * from decision_input');
      expect(sha256).toBe(decisionInput.sha256);
      expect(Buffer.from(sealed as Uint8Array)).toEqual(Buffer.from([0, 1, 255]));
    });
  });

  describe('what cannot be stored', () => {
    const broken: readonly (readonly [string, () => Append])[] = [
      ['a column with NUL', () => append({ entry: entryOf('token.denied', { resource: 'a\0' }) })],
      ['a column with half a character', () => append({ entry: entryOf('token.denied', { owner: '\ud800' }) })],
      ['a column with a separator', () => append({ entry: entryOf('token.denied', { client: 'a\x1fb' }) })],
      ['a column that no index takes', () => append({ entry: entryOf('token.denied', { workflow: randomLetters(9000) }) })],
      ['an id that is none', () => append({ entry: entryOf('token.denied', {}, 'ent-01') })],
      ['no text', () => append({ entry: { ...entryOf('token.denied'), text: '' } })],
      ['a text with NUL', () => append({ entry: { ...entryOf('token.denied'), text: '{"a":"\0"}' } })],
      ['a text with half a surrogate pair', () => append({ entry: { ...entryOf('token.denied'), text: '{"a":"\ud800"}' } })],
      ['a text whose UTF-8 is too long', () => append({ entry: { ...entryOf('token.denied'), text: 'ü'.repeat(32_768) } })],
      ['a run without an id', () => append({ run: { id: '', credential: 'cre01' } })],
      ['a release of nothing', () => append({ effect: { kind: 'release', issuance: '' } })],
      ['an outcome that issued nothing', () => outcomeOf('iss01', 'issued', null)],
      ['a token without an end', () => outcomeOf('iss01', 'issued', tokenOf({ expiresAt: Number.NaN }))],
      ['an intent without a deadline', () => intentOf(run, [], { deadlineIn: Number.NaN })],
      ['an intent whose scope holds NUL', () => intentOf(run, [], { scope: ['crm:read\0'] })],
    ];

    it.each(broken)('fails alone: %s', async (_title, make) => {
      const good = [append(), intentOf(run), append({ epoch, run }), append(), append()];
      const verdicts = await recording.verdicts(...good.slice(0, 3), make(), ...good.slice(3));
      expect(verdicts).toEqual(['recorded', 'recorded', 'recorded', 'bad', 'recorded', 'recorded']);
      expect(await recording.count('entry')).toBe(5);
    });

    it('is told also when nothing else is there, with the time', async () => {
      const { verdict, at } = await recording.one(append({ entry: entryOf('token.denied', { resource: 'a\0' }) }));
      expect(verdict).toBe('bad');
      expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    });
  });
});

function randomLetters(length: number): string {
  return Array.from({ length }, () => identifier('run').slice(-1)).join('');
}
