import { LogUnavailable } from '../../src/attribution/entry-log.js';
import { Database, DatabaseUnavailable, StatementRefused, type Row } from '../../src/store/database.js';
import { entryLogLimits, SqlEntryLog } from '../../src/store/sql-entry-log.js';
import { awake } from '../rig/awake.js';
import { inMemoryDatabase } from '../rig/databases.js';
import { append, entryOf, identifier, intentOf, outcomeOf, Recording, releaseOf } from './recording.js';

type Fault = (run: () => Promise<readonly Row[]>) => Promise<readonly Row[]>;

const never = (): Promise<never> => new Promise(() => undefined);
const unreachable: Fault = () => Promise.reject(new DatabaseUnavailable('connection refused'));
const answerLost: Fault = async (run) => {
  await run();
  throw new DatabaseUnavailable('connection reset');
};
const answerNeverComes: Fault = async (run) => {
  await run();
  return never();
};
const refused =
  (code: string): Fault =>
  () =>
    Promise.reject(new StatementRefused(code, `refused with ${code}`));

/** The database behind, with the faults that come first, one for each statement. */
class Faulty extends Database {
  faults: Fault[] = [];
  asked = 0;

  constructor(private readonly behind: Database) {
    super();
  }

  query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    this.asked++;
    const run = (): Promise<readonly Row[]> => this.behind.query(sql, parameters);
    return (this.faults.shift() ?? ((healthy) => healthy()))(run);
  }

  async close(): Promise<void> {}
}

const limits = { answerWithin: 1_000, patience: 3_000 };

describe('the record, when its database fails', () => {
  let behind: Database;
  let faulty: Faulty;
  let healthy: Recording;
  let recording: Recording;

  beforeAll(async () => {
    behind = await inMemoryDatabase();
  }, 60_000);
  afterAll(() => behind.close());
  beforeEach(async () => {
    healthy = await Recording.empty(behind);
    faulty = new Faulty(behind);
    recording = new Recording(faulty, limits);
  });

  it.each([
    ['the answer is lost', answerLost],
    ['the answer never comes', answerNeverComes],
    ['the statement never arrives', unreachable],
  ])('records exactly once when %s', async (_title, fault) => {
    const run = await healthy.run();
    const intent = intentOf(run, [{ key: 'run:a', version: 0 }]);
    faulty.faults = [fault];
    expect(await recording.verdicts(intent, append())).toEqual(['recorded', 'recorded']);
    expect(await healthy.count('entry')).toBe(2);
    expect(await healthy.counter('run:a')).toEqual({ version: 1, tokens: 1 });
  });

  it('finds what it lost sight of by its id, with the time at which it was recorded', async () => {
    const item = append();
    faulty.faults = [answerLost];
    const { verdict, at } = await recording.one(item);
    expect(verdict).toBe('recorded');
    expect(await healthy.row('select recorded_at from entry')).toEqual({ recorded_at: new Date(at) });
    expect(faulty.asked).toBe(2);
  });

  it('tells the other verdicts of a flush whose answer was lost', async () => {
    const run = await healthy.run();
    const issuance = await healthy.opened(run);
    await healthy.verdict(outcomeOf(issuance, 'unknown'));
    const over = releaseOf({ ...run, credential: 'cre0old' }, issuance);
    faulty.faults = [answerLost];
    expect(await recording.verdicts(append(), outcomeOf(issuance, 'issued'), over)).toEqual(['recorded', 'late', 'run_over']);
    expect(await healthy.count(`work where subject = $1`, issuance)).toBe(1);
  });

  it('loses sight twice and still records once', async () => {
    faulty.faults = [unreachable, unreachable, answerLost, unreachable];
    expect(await recording.verdict(append())).toBe('recorded');
    expect(await healthy.count('entry')).toBe(1);
  });

  it('is unavailable when nothing conclusive is learned in time', async () => {
    faulty.faults = Array.from({ length: 1000 }, () => unreachable);
    const began = awake();
    await expect(recording.verdict(append())).rejects.toThrow(LogUnavailable);
    expect(awake() - began).toBeLessThan(6_000);
  });

  it('is unavailable when the database does not answer at all', async () => {
    faulty.faults = Array.from({ length: 1000 }, () => never);
    const began = awake();
    await expect(recording.verdict(append())).rejects.toThrow(LogUnavailable);
    expect(awake() - began).toBeLessThan(6_000);
    faulty.faults = [];
    expect(await recording.verdict(append())).toBe('recorded');
  });

  it.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
    ['a lock that was not to be had', '55P03'],
    ['a statement that took too long', '57014'],
  ])('tries again after %s', async (_title, code) => {
    faulty.faults = [refused(code), refused(code)];
    expect(await recording.verdict(append())).toBe('recorded');
    expect(faulty.asked).toBe(3);
  });

  it('gives up on deadlocks in time', async () => {
    faulty.faults = Array.from({ length: 1000 }, () => refused('40P01'));
    await expect(recording.verdict(append())).rejects.toThrow(LogUnavailable);
    expect(faulty.asked).toBeLessThan(20);
  });

  it('says why, also when the pause between two attempts outlasts the time there was', async () => {
    let ahead = 0;
    const clock = (): number => performance.now() + ahead;
    const log = new SqlEntryLog(faulty, { ...entryLogLimits, ...limits }, clock);
    faulty.faults = [
      () => {
        setTimeout(() => (ahead += limits.patience), 1);
        return Promise.reject(new StatementRefused('53100', 'No space left on device'));
      },
    ];
    const refusal: unknown = await log.append([append()]).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LogUnavailable);
    expect(refusal).toMatchObject({ cause: { message: 'No space left on device' } });
    expect(faulty.asked).toBe(1);
  });

  it.each(['25000', '2D000', 'P0002', '42883', 'XX000'])(
    'takes a refusal with %s for its own fault, not for that of an entry',
    async (code) => {
      faulty.faults = [refused(code)];
      await expect(recording.verdicts(append(), append())).rejects.toThrow(LogUnavailable);
      expect(faulty.asked).toBe(1);
    },
  );

  it('finds one bad entry among many with few statements', async () => {
    const bad = append({ entry: entryOf('token.denied', { workflow: Array.from({ length: 400 }, () => identifier('run')).join('') }) });
    const items = Array.from({ length: 63 }, () => append());
    items.splice(40, 0, bad);
    const verdicts = await recording.verdicts(...items);
    expect(verdicts.map((verdict, index) => (verdict === 'recorded' ? -1 : index)).filter((index) => index >= 0)).toEqual([40]);
    expect(verdicts[40]).toBe('bad');
    expect(faulty.asked).toBeLessThan(20);
    expect(await healthy.count('entry')).toBe(63);
  });

  it('takes a key that an earlier attempt took a moment ago for its own', async () => {
    const item = append();
    await healthy.verdict(item);
    faulty.faults = [refused('23505')];
    expect(await recording.verdict(item)).toBe('duplicate');
  });
});
