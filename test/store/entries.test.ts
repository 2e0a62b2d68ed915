import type { EntryFilter } from '../../src/attribution/entry-search.js';
import { CursorInvalid } from '../../src/attribution/entry-search.js';
import type { EntryColumns, EntryType } from '../../src/attribution/entry-log.js';
import type { Database } from '../../src/store/database.js';
import { entriesQuery, SqlEntries } from '../../src/store/sql-entries.js';
import { databases } from './both-databases.js';
import { entryOf, World } from './world.js';

const epoch = { incarnation: 'inc01', number: 1 };

describe.each(databases)('searching entries on %s', (_name, open) => {
  let database: Database;
  let world: World;
  let search: SqlEntries;
  beforeAll(async () => {
    database = await open();
    search = new SqlEntries(database);
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    world = await World.empty(database);
  });

  async function record(type: EntryType, columns: EntryColumns = {}, minutesAgo = 0): Promise<string> {
    const id = await world.record(entryOf(type, epoch, columns, { name: 'Größe' }));
    await world.rows(`update entry set recorded_at = now() - make_interval(mins => $2) where id = $1`, id, minutesAgo);
    return id;
  }

  async function ids(filter: EntryFilter): Promise<unknown[]> {
    return (await search.find(filter)).entries.map((entry) => entry.id);
  }

  it('gives the entries as they were written, the newest first', async () => {
    const [first, second] = [await record('run.started'), await record('run.ended')];
    const page = await search.find({});
    expect(page.next).toBeNull();
    expect(page.entries.map((entry) => entry.id)).toEqual([second, first]);
    expect(page.entries[1]).toMatchObject({ version: 1, id: first, type: 'run.started', epoch: 'inc01:1', name: 'Größe' });
  });

  it('gives an empty last page where there is nothing', async () => {
    expect(await search.find({ run: 'run404', since: Date.now() })).toEqual({ entries: [], next: null });
  });

  it('finds by each filter, and by all of them together', async () => {
    const columns = { workflow: 'w', run: 'r' };
    const wanted = await record('token.released', columns);
    const all: EntryFilter = { type: 'token.released', ...columns, since: Date.now() - 3_600_000 };
    const unwanted: readonly (readonly [keyof EntryFilter, string])[] = [
      ['type', await record('token.denied', columns)],
      ['workflow', await record('token.released', { ...columns, workflow: 'x' })],
      ['run', await record('token.released', { ...columns, run: 'x' })],
      ['since', await record('token.released', columns, 90)],
    ];
    expect(await ids(all)).toEqual([wanted]);
    for (const [name, other] of unwanted) {
      expect(await ids({ ...all, [name]: undefined })).toEqual([other, wanted]);
      const alone = await ids({ [name]: all[name] });
      expect(alone).toContain(wanted);
      expect(alone).not.toContain(other);
    }
  });

  it('takes what was recorded at the very moment of since', async () => {
    const id = await record('run.started');
    const [row] = await world.rows('select recorded_at from entry where id = $1', id);
    const at = (row?.recorded_at as Date).getTime();
    expect(await ids({ since: at })).toEqual([id]);
    expect(await ids({ since: at + 1 })).toEqual([]);
  });

  it('goes through all pages once, whatever arrives meanwhile', async () => {
    const recorded: string[] = [];
    for (let i = 0; i < 25; i++) recorded.push(await record('token.released', { run: i % 5 === 0 ? 'other' : 'r' }));
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await search.find({ run: 'r', limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.entries.length).toBeLessThanOrEqual(7);
      seen.push(...page.entries.map((entry) => entry.id));
      await record('token.released', { run: 'r' });
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(recorded.filter((_, i) => i % 5 !== 0).reverse());
  });

  it('says that a full page is the last one when nothing follows', async () => {
    for (let i = 0; i < 4; i++) await record('run.started');
    expect((await search.find({ limit: 4 })).next).toBeNull();
    expect((await search.find({ limit: 3 })).next).not.toBeNull();
  });

  it('gives 100 at a time unless told otherwise, and never more than 1000', async () => {
    await world.rows(`insert into entry (id, type, recorded_at, bytes)
      select 'ent' || i, 'run.started', now(), convert_to('{"id":"ent' || i || '"}', 'UTF8') from generate_series(1, 1100) i`);
    expect((await search.find({})).entries).toHaveLength(100);
    expect((await search.find({ limit: 5000 })).entries).toHaveLength(1000);
  });

  it('refuses a cursor that no page gave', async () => {
    for (const cursor of ['', 'x', Buffer.from('before 1 or true').toString('base64url'), Buffer.from('before -1').toString('base64url')]) {
      await expect(search.find({ cursor })).rejects.toThrow(CursorInvalid);
    }
  });

  it('reads no more of a long log than it must', async () => {
    await world.rows(`insert into entry (id, type, workflow, run, recorded_at, bytes)
      select 'ent' || i, case when i % 100 = 7 then 'token.denied' else 'token.released' end, 'w' || i % 10, 'r' || i % 200,
        now() - make_interval(secs => 20001 - i), '{}' from generate_series(1, 20000) i`);
    const since = Date.now() - 600_000;
    const filters: readonly EntryFilter[] = [
      {},
      { type: 'token.denied' },
      { workflow: 'w7' },
      { run: 'r77' },
      { type: 'token.denied', workflow: 'w7' },
      { workflow: 'w7', run: 'r77' },
      { since },
      { type: 'token.denied', since },
      { type: 'token.denied', workflow: 'w7', run: 'r77', since },
      { run: 'r77', cursor: Buffer.from('before 15000').toString('base64url') },
    ];
    for (const filter of filters) {
      const { sql, parameters } = entriesQuery(filter, 21);
      const [row] = await world.rows(`explain (analyze, format json) ${sql}`, ...parameters);
      const plan = JSON.stringify(row);
      expect({ filter, plan }).toEqual({ filter, plan: expect.not.stringContaining('Seq Scan') as string });
      const thrownAway = [...plan.matchAll(/"Rows Removed by [A-Za-z ]+":(\d+)/g)].reduce((sum, [, rows]) => sum + Number(rows), 0);
      expect({ filter, thrownAway: thrownAway < 2500 }).toEqual({ filter, thrownAway: true });
    }
  });

  it('reads one page of what is recent, though the statistics know nothing of it', async () => {
    const told = (from: number, to: number, ago: string): Promise<unknown> =>
      world.rows(`insert into entry (id, type, workflow, run, recorded_at, bytes)
        select 'ent' || i, 'token.released', 'w' || i % 10, 'r' || i % 200, now() - ${ago}, '{}' from generate_series(${from}, ${to}) i`);
    await told(1, 20_000, `make_interval(days => 10, secs => -i)`);
    await world.rows('analyze entry');
    await told(20_001, 25_000, `make_interval(secs => (25001 - i) / 10.0)`);
    const { sql, parameters } = entriesQuery({ since: Date.now() - 3_600_000 }, 21);
    const [row] = await world.rows(`explain (analyze, format json) ${sql}`, ...parameters);
    const read = [...JSON.stringify(row).matchAll(/"Actual Rows":(\d+)/g)].map(([, rows]) => Number(rows));
    expect(Math.max(...read)).toBe(21);
  });
});
