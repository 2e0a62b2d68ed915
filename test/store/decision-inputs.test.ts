import type { Database } from '../../src/store/database.js';
import { SqlDecisionInputs } from '../../src/store/sql-decision-inputs.js';
import { databases } from './both-databases.js';
import { World } from './world.js';

const DAY = 86_400;

describe.each(databases)('inputs of decisions on %s', (_name, open) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await World.empty(database);
  });

  async function stored(sha256: string, daysAgo: number): Promise<void> {
    const sql = `insert into decision_input (sha256, sealed, stored_at) values ($1, 'x', now() - make_interval(days => $2))`;
    await database.query(sql, [sha256, daysAgo]);
  }

  const kept = async (): Promise<readonly unknown[]> => {
    const rows = await database.query('select sha256 from decision_input order by sha256');
    return rows.map((row) => row.sha256);
  };

  it('are forgotten when they are older than they are to be kept, and not before', async () => {
    await stored('young', 89);
    await stored('old', 91);
    expect(await new SqlDecisionInputs(database).forget(90 * DAY)).toBe(1);
    expect(await kept()).toEqual(['young']);
    expect(await new SqlDecisionInputs(database).forget(90 * DAY)).toBe(0);
  });

  it('are forgotten in portions, the oldest first', async () => {
    await database.query(
      `insert into decision_input (sha256, sealed, stored_at) select 'in' || n, 'x', now() - make_interval(days => n) from generate_series(1, 1100) n`,
    );
    const inputs = new SqlDecisionInputs(database);
    expect([await inputs.forget(DAY / 2), await kept()]).toEqual([1000, Array.from({ length: 100 }, (_, n) => `in${n + 1}`).sort()]);
    expect([await inputs.forget(DAY / 2), await inputs.forget(DAY / 2)]).toEqual([100, 0]);
  });
});
