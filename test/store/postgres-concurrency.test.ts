import { protocol } from '@electric-sql/pglite';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { LogUnavailable, type Append, type Appended, type Verdict } from '../../src/attribution/entry-log.js';
import { APPEND, appendParameters } from '../../src/store/append-statement.js';
import type { Database } from '../../src/store/database.js';
import { migrate, pooledDatabase } from '../rig/databases.js';
import { LossyWire, type Loss } from '../rig/lossy-wire.js';
import { startPostgres } from '../rig/postgres.js';
import { append, entryOf, epoch, intentOf, outcomeOf, Recording, releaseOf, revocationOf, tokenOf, type ActiveRun } from './recording.js';

const postgres = await startPostgres();
afterAll(async () => postgres?.stop());
const FACTS_LOCK = 42;

(postgres === null ? describe.skip : describe)(`the record on PostgreSQL ${postgres?.version}, with others at work`, () => {
  let url: string;
  let database: Database;
  let recording: Recording;
  let run: ActiveRun;
  const clients: pg.Client[] = [];

  /** Somebody else's connection. */
  async function somebody(settings = ''): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, options: settings });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  }

  /** A change of facts as it is made anywhere: alone, and it raises the epoch. */
  async function changeFacts(client: pg.Client): Promise<void> {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [FACTS_LOCK]);
    await client.query('update facts set number = number + 1');
    await client.query('commit');
  }

  beforeAll(async () => {
    url = (await postgres?.freshDatabase()) ?? '';
    await migrate(url);
    database = pooledDatabase(url);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    recording = await Recording.empty(database);
    run = await recording.run();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end();
  });

  describe('a change of facts', () => {
    it('waits for an append that is under way, which is recorded', async () => {
      const [holder, changer] = [await somebody(), await somebody()];
      await holder.query('begin');
      await holder.query('select 1 from run where id = $1 for update', [run.id]);
      const item = append({ run, epoch });
      const appended = settled(recording.one(item));
      await waiting(database, 1);
      const changed = settled(changeFacts(changer));
      await waiting(database, 2);
      expect([appended.done, changed.done]).toEqual([false, false]);
      await holder.query('rollback');
      expect((await appended.promise).verdict).toBe('recorded');
      await changed.promise;
      expect(await recording.verdict(append({ run, epoch }))).toBe('stale');
    });

    it('makes an append stale that begins while it waits', async () => {
      const [holder, changer] = [await somebody(), await somebody()];
      await holder.query('begin');
      await holder.query('select pg_advisory_xact_lock_shared($1)', [FACTS_LOCK]);
      const changed = settled(changeFacts(changer));
      await waiting(database, 1);
      const late = append({ run, epoch });
      const appended = settled(recording.one(late));
      await waiting(database, 2);
      expect([appended.done, changed.done]).toEqual([false, false]);
      await holder.query('commit');
      await changed.promise;
      expect((await appended.promise).verdict).toBe('stale');
      expect(await recording.isRecorded(late)).toBe(false);
    });

    it('is the last moment at which anything of the epoch before it is recorded, under load', async () => {
      const changer = await somebody();
      let number = epoch.number;
      let going = true;
      const replicas = [pooledDatabase(url), pooledDatabase(url)];
      const load = replicas.flatMap((replica) =>
        [1, 2].map(async () => {
          const own = new Recording(replica);
          let recorded = 0;
          while (going) {
            const known = number;
            const columns = { decision: `epoch${known}` };
            const items = Array.from({ length: 16 }, () =>
              append({ entry: entryOf('token.denied', columns), epoch: { ...epoch, number: known }, run }),
            );
            recorded += (await own.verdicts(...items)).filter((verdict) => verdict === 'recorded').length;
          }
          return recorded;
        }),
      );
      const atChange: { of: number; entries: number }[] = [];
      for (let changes = 0; changes < 20; changes++) {
        await delay(20);
        await changeFacts(changer);
        atChange.push({ of: number, entries: await recording.count('entry where decision = $1', `epoch${number}`) });
        number++;
      }
      going = false;
      const recorded = (await Promise.all(load)).reduce((sum, each) => sum + each, 0);
      await Promise.all(replicas.map((replica) => replica.close()));
      for (const { of, entries } of atChange) {
        expect({ of, entries: await recording.count('entry where decision = $1', `epoch${of}`) }).toEqual({ of, entries });
      }
      expect(recorded).toBeGreaterThan(200);
      expect(await recording.count('entry')).toBe(recorded);
    });
  });

  describe('a client', () => {
    it('cannot append inside a transaction of its own: it is told at once, whoever holds locks, and holds nothing after trying', async () => {
      const client = await somebody();
      const item = append({ run, epoch });
      const changer = await somebody();
      await changer.query('begin');
      await changer.query('select pg_advisory_xact_lock($1)', [FACTS_LOCK]);
      await client.query('begin');
      await expect(client.query(APPEND, [...appendParameters([item])])).rejects.toMatchObject({ code: '2D000' });
      await changer.query('commit');
      await changeFacts(changer);
      await client.query('rollback');
      expect(await recording.isRecorded(item)).toBe(false);
    });

    it('cannot append together with other statements of one message', async () => {
      const client = await somebody();
      await expect(
        client.query(
          "select 1; call append_entries('', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', null, null, null, null)",
        ),
      ).rejects.toMatchObject({
        code: '2D000',
      });
    });

    it.each(['repeatable read', 'serializable'])('cannot append at %s', async (isolation) => {
      const other = pooledDatabase(url, 1, { default_transaction_isolation: isolation });
      const item = append({ run, epoch });
      await expect(new Recording(other).verdict(item)).rejects.toThrow(/READ COMMITTED/);
      await other.close();
      expect(await recording.isRecorded(item)).toBe(false);
    });

    it('that is frozen before it ends the exchange holds no lock, and what it appended stands', async () => {
      const item = append({ run, epoch });
      const frozen = await frozenAfter(url, APPEND, appendParameters([item]));
      await until(() => recording.isRecorded(item));
      await changeFacts(await somebody('-c lock_timeout=2s'));
      await database.query(`update run set ended_at = now() where id = $1`, [run.id]);
      frozen.destroy();
    });

    it('that is frozen inside a transaction with the lock is ended by its timeout, and a change of facts goes on', async () => {
      const frozen = await somebody('-c idle_in_transaction_session_timeout=300ms');
      // one message, so that its timeout cannot pass in between
      await frozen.query(`begin; select pg_advisory_xact_lock_shared(${FACTS_LOCK})`);
      await changeFacts(await somebody('-c lock_timeout=5s'));
      await expect(frozen.query('select 1')).rejects.toThrow();
    });

    it('whose append waits for a lock too long gives way, so that a change of facts goes on', async () => {
      const holder = await somebody();
      await holder.query('begin');
      await holder.query('select 1 from run where id = $1 for update', [run.id]);
      const hasty = pooledDatabase(url, 2, { lock_timeout: '200ms' });
      await hasty.query('select 1'); // connecting takes none of its patience
      const item = append({ run, epoch });
      const appended = expect(new Recording(hasty, { patience: 3000 }).verdict(item)).rejects.toThrow(LogUnavailable);
      await waiting(database, 1);
      await changeFacts(await somebody('-c lock_timeout=5s'));
      await appended;
      await holder.query('rollback');
      await hasty.close();
      expect(await recording.isRecorded(item)).toBe(false);
    });
  });

  describe('an answer that is lost', () => {
    it.each<Loss>(['answer', 'connection', 'message'])('with the %s leaves each recorded exactly once', async (loss) => {
      const wire = await LossyWire.to(url, 'append_entries');
      const remote = pooledDatabase(wire.url);
      const replica = new Recording(remote);
      const issuance = await recording.opened(run, [{ key: 'run:a', version: 0 }]);
      wire.lose(loss);
      const items = [intentOf(run, [{ key: 'run:b', version: 0 }]), outcomeOf(issuance, 'failed'), append({ run, epoch })];
      expect(await replica.verdicts(...items)).toEqual(['recorded', 'recorded', 'recorded']);
      expect(wire.lost).toBe(1);
      expect(
        await recording.count(
          'entry where id = any ($1)',
          items.map(({ entry }) => entry.id),
        ),
      ).toBe(3);
      expect(await recording.counter('run:a')).toEqual({ version: 2, tokens: 0 });
      expect(await recording.counter('run:b')).toEqual({ version: 1, tokens: 1 });
      await remote.close();
      await wire.close();
    });

    it('while the first attempt still waits in the server is conclusive all the same', async () => {
      const wire = await LossyWire.to(url, 'append_entries');
      const remote = pooledDatabase(wire.url);
      const holder = await somebody();
      await holder.query('begin');
      await holder.query('select 1 from run where id = $1 for update', [run.id]);
      wire.lose('connection');
      const intent = intentOf(run, [{ key: 'run:a', version: 0 }]);
      const appended = settled(new Recording(remote).one(intent));
      await waiting(database, 2);
      await holder.query('rollback');
      expect((await appended.promise).verdict).toBe('recorded');
      await until(() => recording.count(`pg_locks where not granted`).then((waits) => waits === 0));
      expect(await recording.isRecorded(intent)).toBe(true);
      expect(await recording.counter('run:a')).toEqual({ version: 1, tokens: 1 });
      await remote.close();
      await wire.close();
    });
  });

  describe('a run', () => {
    it('that is ended while an append waits for it is over for that append', async () => {
      const ender = await somebody();
      await ender.query('begin');
      await ender.query('update run set ended_at = now() where id = $1', [run.id]);
      const item = append({ run, epoch });
      const appended = settled(recording.one(item));
      await waiting(database, 1);
      await ender.query('commit');
      expect((await appended.promise).verdict).toBe('run_over');
    });

    it('whose parent is ended while an append waits is over for that append', async () => {
      const child = await recording.run([run]);
      const ender = await somebody();
      await ender.query('begin');
      await ender.query('update run set ended_at = now() where id = $1', [run.id]);
      const appended = settled(recording.one(append({ run: child, epoch })));
      await waiting(database, 1);
      await ender.query('commit');
      expect((await appended.promise).verdict).toBe('run_over');
    });

    it('does not end before what is being recorded for it is recorded', async () => {
      const [holder, ender] = [await somebody(), await somebody()];
      await recording.opened(run, [{ key: 'run:a', version: 0 }]);
      await holder.query('begin');
      await holder.query(`select 1 from counter where key = 'run:a' for update`);
      const appended = settled(recording.one(intentOf(run, [{ key: 'run:a', version: 1 }])));
      await waiting(database, 1);
      const ended = settled(ender.query('update run set ended_at = now() where id = $1', [run.id]));
      await waiting(database, 2);
      expect(ended.done).toBe(false);
      await holder.query('rollback');
      expect((await appended.promise).verdict).toBe('recorded');
      await ended.promise;
    });
  });

  describe('two replicas', () => {
    let replicas: { readonly database: Database; readonly recording: Recording }[];
    beforeEach(() => {
      replicas = [1, 2].map(() => {
        const own = pooledDatabase(url, 3);
        return {
          database: own,
          recording: new Recording(own, { flushesInFlight: 2, maxBatch: 64, patience: 30_000, answerWithin: 20_000 }),
        };
      });
    });
    afterEach(() => Promise.all(replicas.map((replica) => replica.database.close())));

    async function atOnce(make: (index: number) => readonly Append[]): Promise<readonly Verdict[][]> {
      const answers = await Promise.all(replicas.map((replica, index) => replica.recording.log.append(make(index))));
      return answers.map((appended: readonly Appended[]) => appended.map(({ verdict }) => verdict));
    }

    it('reserve the same unit of history once', async () => {
      for (let version = 0; version < 30; version++) {
        const verdicts = await atOnce(() => [intentOf(run, [{ key: 'run:a', version }])]);
        expect(verdicts.flat().sort()).toEqual(['counters_moved', 'recorded']);
      }
      expect(await recording.counter('run:a')).toEqual({ version: 30, tokens: 30 });
    });

    it('close an intent once: the outcome that comes after it was closed as unknown is late, and its token is to be revoked', async () => {
      const before = await deadlocks(database);
      for (let round = 0; round < 3; round++) {
        const issuances: string[] = [];
        for (let made = 0; made < 40; made++) issuances.push(await recording.opened(run));
        const holder = await somebody();
        await holder.query('begin');
        await holder.query('select 1 from issuance where id = (select min(id) from issuance where state = $1) for update', ['open']);
        const closing = atOnce((index) =>
          index === 0 ? issuances.map((id) => outcomeOf(id, 'issued')) : [...issuances].reverse().map((id) => outcomeOf(id, 'unknown')),
        );
        await waiting(database, 2);
        await holder.query('rollback');
        const verdicts = await closing;
        const [ofIssued = [], ofUnknown = []] = verdicts;
        for (const [index, issuance] of issuances.entries()) {
          expect([ofIssued[index], ofUnknown[issuances.length - 1 - index]].sort()).toEqual(['late', 'recorded']);
          const late = ofIssued[index] === 'late';
          expect(await recording.issuance(issuance)).toMatchObject({
            state: late ? 'unknown' : 'issued',
            revocation: late ? 'pending' : null,
          });
        }
      }
      expect(await deadlocks(database)).toBe(before);
    });

    it('record the same entry once', async () => {
      const items = Array.from({ length: 20 }, () => intentOf(run));
      const verdicts = await atOnce((index) => (index === 0 ? items : [...items].reverse()));
      expect(verdicts.flat().sort()).toEqual([...Array<Verdict>(20).fill('duplicate'), ...Array<Verdict>(20).fill('recorded')]);
      expect(await recording.count('issuance')).toBe(20);
    });

    it('record thousands of entries of all kinds side by side, without a deadlock and without losing count', async () => {
      const before = await deadlocks(database);
      const runs = await Promise.all(Array.from({ length: 12 }, () => recording.run([run])));
      const live: string[] = [];
      for (const each of runs) live.push(await recording.issued(each));
      const keys = ['run:a', 'run:b', 'workflow:c@2026-03-03'];
      const given = { recorded: 0, reserved: 0, givenBack: 0 };

      await Promise.all(
        replicas.flatMap((replica, seed) =>
          [0, 1].map(async (lane) => {
            let open: { readonly issuance: string; readonly reserves: number }[] = [];
            for (let round = 0; round < 12; round++) {
              const at = (offset: number): number => (round * 7 + seed * 5 + lane * 3 + offset) % runs.length;
              const closing = open.map(({ issuance, reserves }, index) => ({
                reserves,
                item: outcomeOf(
                  issuance,
                  (['issued', 'failed', 'refused', 'unknown'] as const)[index % 4] ?? 'failed',
                  index % 4 === 2 ? tokenOf() : undefined,
                ),
              }));
              const read = await Promise.all(keys.map(async (key) => ({ key, version: (await recording.counter(key)).version })));
              const reads = (index: number): typeof read => (index % 3 === 0 ? read.slice(index % 2) : []);
              const opening = Array.from({ length: 10 }, (_, index) => intentOf(runs[at(index)] ?? run, reads(index).reverse()));
              const releases = Array.from({ length: 40 }, (_, index) => releaseOf(runs[at(index * 5)] ?? run, live[at(index)] ?? ''));
              const revocations = closing
                .filter((_, index) => index % 4 === 2)
                .map(({ item }) => revocationOf(item.effect?.issuance ?? ''));
              const items = [...releases, ...opening, ...closing.map(({ item }) => item), ...revocations];
              const verdicts = await replica.recording.verdicts(...items);

              expect(verdicts.filter((verdict) => verdict !== 'recorded' && verdict !== 'counters_moved')).toEqual([]);
              given.recorded += verdicts.filter((verdict) => verdict === 'recorded').length;
              open = opening.flatMap(({ effect, counters }, index) => {
                if (verdicts[releases.length + index] !== 'recorded') return [];
                given.reserved += counters.length;
                return [{ issuance: effect.issuance, reserves: counters.length }];
              });
              for (const { item, reserves } of closing)
                if (item.effect?.kind === 'outcome' && item.effect.state === 'failed') given.givenBack += reserves;
            }
          }),
        ),
      );

      const counted = await Promise.all(keys.map((key) => recording.counter(key)));
      expect(counted.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(given.reserved - given.givenBack);
      expect(given.reserved).toBeGreaterThan(10);
      expect(given.recorded).toBeGreaterThan(2000);
      expect(await recording.count('entry')).toBe(given.recorded + 2 * live.length);
      expect(await deadlocks(database)).toBe(before);
    }, 60_000);
  });

  it('finds all it needs by index, however small the tables were when it began', async () => {
    const fresh = (await postgres?.freshDatabase()) ?? '';
    await migrate(fresh);
    const one = pooledDatabase(fresh, 1);
    const replica = await Recording.empty(one);
    const own = await replica.run();
    const small = async (): Promise<readonly Verdict[]> => {
      const intent = intentOf(own, [{ key: 'run:a', version: (await replica.counter('run:a')).version }]);
      const { issuance } = intent.effect;
      await replica.verdict(intent);
      const steps = [
        outcomeOf(issuance, 'issued'),
        releaseOf(own, issuance),
        outcomeOf(issuance, 'refused', tokenOf()),
        revocationOf(issuance),
      ];
      return replica.verdicts(...steps, append({ run: own, epoch, decisionInput: { sha256: issuance, sealed: Buffer.from('x') } }));
    };
    await small();
    const before = await scans(one);
    for (let times = 0; times < 12; times++) expect(await small()).toEqual(['recorded', 'recorded', 'late', 'recorded', 'recorded']);
    expect(await scans(one)).toEqual(before);
    await one.close();
  });
});

/** A promise with a mark of whether it has come to an end. */
function settled<T>(promise: Promise<T>): { readonly promise: Promise<T>; readonly done: boolean } {
  const state = { promise, done: false };
  promise.then(
    () => (state.done = true),
    () => (state.done = true),
  );
  return state;
}

/** Looks often: what is waited for may last for a moment only. */
async function until(met: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 30_000; performance.now() < end; await delay(10)) {
    if (await met()) return;
  }
  throw new Error('it did not come to that within 30 s');
}

/** Until so many sessions wait for a lock. */
async function waiting(database: Database, sessions: number): Promise<void> {
  await until(async () => {
    const [row] = await database.query(
      `select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return Number(row?.n) >= sessions;
  });
}

async function deadlocks(database: Database): Promise<number> {
  const [row] = await database.query('select deadlocks::int as n from pg_stat_database where datname = current_database()');
  return Number(row?.n);
}

/** How often each table that grows was read from end to end. */
async function scans(database: Database): Promise<unknown> {
  await database.query('select pg_stat_force_next_flush()');
  return database.query(
    `select relname, seq_scan::int from pg_stat_user_tables
     where relname in ('entry', 'run', 'issuance', 'counter', 'work', 'decision_input') order by relname`,
  );
}

/** A client that has sent a statement, asked for it to be carried out, and then freezes: it never ends the exchange (Sync). */
async function frozenAfter(url: string, sql: string, parameters: readonly unknown[]): Promise<Socket> {
  const { serialize } = protocol;
  const { hostname, port, pathname, username } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(serialize.startup({ user: username, database: pathname.slice(1) }));
  const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]); // ReadyForQuery, idle
  let seen = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => (seen = Buffer.concat([seen, bytes])));
  await until(async () => seen.includes(ready));
  const values = parameters.map((value) => (typeof value === 'string' ? value : null));
  socket.write(Buffer.concat([serialize.parse({ text: sql }), serialize.bind({ values }), serialize.execute({}), serialize.flush()]));
  return socket;
}
