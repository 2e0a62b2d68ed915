import type { Append, Verdict } from '../../src/attribution/entry-log.js';
import type { Epoch } from '../../src/attribution/epoch.js';
import { epochAfter, FactsLocked, type FactChange } from '../../src/issuance/fact-changes.js';
import { Database, DatabaseUnavailable, StatementRefused, type Row } from '../../src/store/database.js';
import { SqlEntryLog } from '../../src/store/sql-entry-log.js';
import { until } from '../rig/command-line.js';
import { databases, manyConnections } from '../store/both-databases.js';
import { entryOf, identifier, newRun, World } from '../store/world.js';

const stop: () => FactChange = () => ({
  kind: 'suspension.raised',
  suspension: { id: identifier('sus'), kind: 'everything', target: null, reason: 'drill', raisedBy: 'key01', expiresAt: null },
});

/** A database that loses or refuses the answer to its next statement; what it says was done all the same when it is lost. */
class Faulty extends Database {
  #fault: 'lost' | 'never arrived' | 'deadlock' | null = null;

  constructor(private readonly database: Database) {
    super();
  }

  next(fault: 'lost' | 'never arrived' | 'deadlock'): void {
    this.#fault = fault;
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    const fault = this.#fault;
    this.#fault = null;
    if (fault === 'deadlock') throw new StatementRefused('40P01', 'deadlock detected');
    if (fault === 'never arrived') throw new DatabaseUnavailable('connection refused');
    const rows = await this.database.query(sql, parameters);
    if (fault === 'lost') throw new DatabaseUnavailable('connection terminated');
    return rows;
  }

  async close(): Promise<void> {}
}

describe.each(databases)('when the answer is lost, on %s', (_name, open) => {
  let database: Database;
  let faulty: Faulty;
  let world: World;
  beforeAll(async () => {
    database = await open();
    faulty = new Faulty(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await World.empty(database);
    world = new World(faulty);
  });

  it.each(['lost', 'never arrived', 'deadlock'] as const)('a change is made once, and said to be made (%s)', async (fault) => {
    const epoch = await world.epoch();
    faulty.next(fault);
    const changed = await world.changes.apply(stop(), epoch, [entryOf('suspension.raised', epochAfter(epoch))]);
    expect(changed).toMatchObject({ verdict: 'applied', epoch: epochAfter(epoch) });
    expect((await world.facts.latest()).suspensions).toHaveLength(1);
    expect(await world.rows('select from entry')).toHaveLength(1);
  });

  it.each(['lost', 'never arrived', 'deadlock'] as const)('a run is started once, and ended once (%s)', async (fault) => {
    const epoch = await world.epoch();
    const run = newRun();
    faulty.next(fault);
    expect(await world.runs.start(run, epoch, entryOf('run.started', epoch, { run: run.id }))).toMatchObject({
      verdict: 'started',
      run: run.id,
    });
    faulty.next(fault);
    const ended = await world.runs.end(run.id, entryOf('run.ended', epoch, { run: run.id }));
    expect(ended.verdict).toBe(fault === 'lost' ? 'already' : 'ended');
    expect((await world.rows('select type from entry order by number')).map(({ type }) => type)).toEqual(['run.started', 'run.ended']);
  });
});

if (manyConnections !== null) {
  const open = manyConnections;
  describe('changes among running appends', () => {
    let database: Database;
    let world: World;
    let log: SqlEntryLog;
    beforeAll(async () => {
      database = await open();
    }, 60_000);
    afterAll(() => database.close());
    beforeEach(async () => {
      world = await World.empty(database);
      log = new SqlEntryLog(database);
    });

    const HELD = `select from pg_locks where locktype = 'advisory' and objid = 42 and mode = 'ShareLock' and granted
      and database = (select oid from pg_database where datname = current_database())`;

    /** Holds the lock of the facts as a running append does, from now on. */
    async function runningAppend(seconds: number): Promise<{ readonly ended: Promise<unknown> }> {
      const ended = database.query('select pg_advisory_xact_lock_shared(42), pg_sleep($1)', [seconds]);
      await until(async () => (await database.query(HELD)).length > 0);
      return { ended };
    }

    function appendOf(epoch: Epoch | null, run: Append['run']): Append {
      const entry = entryOf('token.denied', epoch ?? { incarnation: 'inc01', number: 0 }, run === null ? {} : { run: run.id });
      return { entry, epoch, run, effect: null, counters: [], decisionInput: null };
    }

    it('waits for an append that has begun', async () => {
      const begun = performance.now();
      const running = await runningAppend(1.5);
      await world.change(stop());
      expect(performance.now() - begun).toBeGreaterThan(1_450);
      await running.ended;
    });

    it('gives up when an append does not end in time, changes nothing, and can be tried again', async () => {
      const running = await runningAppend(12);
      await expect(world.change(stop())).rejects.toThrow(FactsLocked);
      expect((await world.facts.latest()).suspensions).toEqual([]);
      await running.ended;
      expect(await world.change(stop())).toMatchObject({ verdict: 'applied' });
    }, 40_000);

    /** Appends all the time until told to end; gives what began after `mark` was called, by verdict. */
    function appendingAlways(item: () => Append) {
      let going = true;
      let marked = false;
      const after: Verdict[] = [];
      const before: Verdict[] = [];
      const loops = Array.from({ length: 16 }, async () => {
        while (going) {
          const late = marked;
          const [appended] = await log.append([item()]);
          if (appended !== undefined) (late ? after : before).push(appended.verdict);
        }
      });
      return {
        before,
        after,
        mark: () => void (marked = true),
        async end() {
          going = false;
          await Promise.all(loops);
        },
      };
    }

    it('once a stop is acknowledged, nothing is recorded that rests on older facts (promise 4)', async () => {
      const epoch = await world.epoch();
      const appending = appendingAlways(() => appendOf(epoch, null));
      await until(() => appending.before.includes('recorded'));
      await world.change(stop());
      appending.mark();
      await until(() => appending.after.length > 50);
      await appending.end();
      expect(new Set(appending.after)).toEqual(new Set(['stale']));
      const [row] = await world.rows(`select count(*)::int as later from entry
        where type = 'token.denied' and number > (select number from entry where type = 'suspension.raised')`);
      expect(row).toEqual({ later: 0 });
    });

    it('once the end of a run is acknowledged, nothing is recorded for it or a descendant', async () => {
      const parent = newRun();
      await world.running(parent);
      const child = newRun({ ancestors: [parent.id] });
      await world.running(child);
      const both = [parent, child].map((run) => appendingAlways(() => appendOf(null, { id: run.id, credential: run.credential.id })));
      await until(() => both.every(({ before }) => before.includes('recorded')));
      await world.end(parent.id);
      for (const appending of both) appending.mark();
      await until(() => both.every(({ after }) => after.length > 50));
      for (const appending of both) {
        await appending.end();
        expect(new Set(appending.after)).toEqual(new Set(['run_over']));
      }
    });

    it('starts no run on facts that change at the same time', async () => {
      for (let round = 0; round < 10; round++) {
        const epoch = await world.epoch();
        const run = newRun();
        const [started, changed] = await Promise.all([
          world.runs.start(run, epoch, entryOf('run.started', epoch, { run: run.id })),
          world.changes.apply(stop(), epoch, [entryOf('suspension.raised', epochAfter(epoch))]),
        ]);
        expect(changed.verdict).toBe('applied');
        const rows = await world.rows(
          `select type from entry where run = $1 or type = 'suspension.raised' order by number desc limit 2`,
          run.id,
        );
        if (started.verdict === 'started') expect(rows[0]?.type).toBe('suspension.raised');
        else expect(started.verdict).toBe('stale');
      }
    });

    it('changes nothing at another isolation level, whose snapshot would be older than the lock', async () => {
      const repeatable = await open({ default_transaction_isolation: 'repeatable read' });
      const other = await World.empty(repeatable);
      const run = newRun();
      await expect(other.change(stop())).rejects.toThrow(/READ COMMITTED/);
      await expect(other.start(run)).rejects.toThrow(/READ COMMITTED/);
      await expect(other.end(run.id)).rejects.toThrow(/READ COMMITTED/);
      expect(await other.rows('select from entry')).toEqual([]);
      await repeatable.close();
    });
  });
}
