import { useOf } from '../../src/runs/replay-guard.js';
import { Database, DatabaseUnavailable, type Row } from '../../src/store/database.js';
import { SqlReplayGuard } from '../../src/store/sql-replay-guard.js';
import { SqlRuns } from '../../src/store/sql-runs.js';
import { databases } from './both-databases.js';
import { entryOf, newRun, World } from './world.js';

describe.each(databases)('assertions on %s', (_name, open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await World.empty(database);
  });

  const later = Date.now() + 300_000;

  it('are used once, by whichever of many simultaneous requests is first (B33, B34)', async () => {
    const once = useOf(['iss', 'run1', 'jti1'], later);
    const [one, two] = [new SqlReplayGuard(database), new SqlReplayGuard(database)];
    const uses = await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? one : two).spend(once)));
    expect(uses.filter(Boolean)).toHaveLength(1);
    expect(await one.spend(once)).toBe(false);
  });

  it('are used once, and by whoever used them first, when an answer was lost', async () => {
    const once = useOf(['iss', 'run1', 'jti1'], later);
    expect(await new SqlReplayGuard(new LosingTheFirstAnswer(database)).spend(once)).toBe(true);
    expect(await new SqlReplayGuard(new LosingTheFirstAnswer(database)).spend(once)).toBe(false);
  });

  it('cannot be used up by another client or issuer (B35)', async () => {
    const guard = new SqlReplayGuard(database);
    const triples = [
      ['i', 'c', 'j'],
      ['ic', '', 'j'],
      ['i', 'cj', ''],
      ['', 'i', 'cj'],
      ['i","c', '', 'j'],
    ] as const;
    for (const name of triples) expect(await guard.spend(useOf(name, later))).toBe(true);
  });

  it('are forgotten when they have expired, and not before', async () => {
    const guard = new SqlReplayGuard(database);
    await guard.spend(useOf(['iss', 'run1', 'old'], Date.now() - 60_000));
    await guard.spend(useOf(['iss', 'run1', 'new'], later));
    expect(await guard.forget()).toBe(1);
    expect(await guard.forget()).toBe(0);
    expect(await guard.spend(useOf(['iss', 'run1', 'new'], later))).toBe(false);
  });
});

/** Does what it is asked, and loses the connection before the first answer. */
class LosingTheFirstAnswer extends Database {
  #isLost = false;

  constructor(private readonly database: Database) {
    super();
  }

  async query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    const rows = await this.database.query(sql, parameters);
    if (this.#isLost) return rows;
    this.#isLost = true;
    throw new DatabaseUnavailable('connection lost');
  }

  async close(): Promise<void> {}
}

class Unreachable extends Database {
  query(): Promise<never> {
    return Promise.reject(new DatabaseUnavailable('connection refused'));
  }

  async close(): Promise<void> {}
}

describe('a store that is down', () => {
  const down = new Unreachable();

  it('accepts no assertion (B36)', async () => {
    await expect(new SqlReplayGuard(down).spend(useOf(['iss', 'run1', 'jti'], Date.now()))).rejects.toThrow(DatabaseUnavailable);
  });

  it('starts and ends no run', async () => {
    const runs = new SqlRuns(down);
    const epoch = { incarnation: 'inc01', number: 1 };
    const entry = entryOf('run.started', epoch);
    await expect(runs.start(newRun(), epoch, entry)).rejects.toThrow(DatabaseUnavailable);
    await expect(runs.end('run1', entry)).rejects.toThrow(DatabaseUnavailable);
  });
});
