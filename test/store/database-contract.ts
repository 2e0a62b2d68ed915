import { Database, DatabaseUnavailable, StatementRefused } from '../../src/store/database.js';

/** What the port `Database` promises, whichever database is behind it. `open` gives one that nobody else uses. */
export function databaseContract(open: () => Promise<Database>): void {
  let database: Database;

  beforeAll(async () => {
    database = await open();
    await database.query('create table thing (id bigserial primary key, name text unique not null, at timestamptz)');
  }, 60_000);

  afterAll(async () => {
    await database.close();
  });

  const refusal = async (sql: string, parameters: readonly unknown[] = []): Promise<string> => {
    const error = await database.query(sql, parameters).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StatementRefused);
    return (error as StatementRefused).sqlState;
  };

  it('gives each type of column as the value that the port names', async () => {
    const [row] = await database.query(`select 7::int as int4, 7::bigint as small, 9007199254740993::bigint as large, 0.5::float8 as float8,
      true as yes, null::text as nothing, 'ä'::text as text, '\\x00ff'::bytea as bytes, '{"a":[1,null]}'::jsonb as json,
      '2026-03-03 14:05:06.789012+01'::timestamptz as at, array[1,null]::bigint[] as bigints, array[true,null,false] as booleans,
      array['2026-03-03 13:05:00+00']::timestamptz[] as times, array[]::text[] as empty, 12.50::numeric as numeric`);
    expect(row).toEqual({
      int4: 7,
      small: 7,
      large: '9007199254740993',
      float8: 0.5,
      yes: true,
      nothing: null,
      text: 'ä',
      bytes: new Uint8Array([0, 255]),
      json: { a: [1, null] },
      at: new Date('2026-03-03T13:05:06.789Z'),
      bigints: [1, null],
      booleans: [true, null, false],
      times: [new Date('2026-03-03T13:05:00Z')],
      empty: [],
      numeric: '12.50',
    });
    expect(row?.at).toBeInstanceOf(Date);
    expect(row?.bytes).toBeInstanceOf(Uint8Array);
  });

  it('takes each kind of parameter as it is, with a cast', async () => {
    const texts = ['plain', '', 'NULL', 'a"b', 'a\\b', '{a,b}', ' white space\n', 'ünï😀', null];
    const bytes = new Uint8Array([0, 1, 127, 128, 255]);
    const [row] = await database.query(
      `select $1::text as text, $2::int as int, $3::bigint as bigint, $4::boolean as yes, $5::text as nothing, $6::bytea as bytes,
        $7::text[] as texts, $8::bigint[] as bigints, $9::boolean[] as booleans, $10::jsonb as json, $11::timestamptz as at, $12::text[] as none`,
      [
        'it\'s "so"',
        5,
        '9007199254740993',
        false,
        null,
        bytes,
        texts,
        [1, null, -3],
        [true, null, false],
        '{"k":"\\u00e4"}',
        '2026-03-03T13:05:00.001Z',
        [],
      ],
    );
    expect(row).toEqual({
      text: 'it\'s "so"',
      int: 5,
      bigint: '9007199254740993',
      yes: false,
      nothing: null,
      bytes,
      texts,
      bigints: [1, null, -3],
      booleans: [true, null, false],
      json: { k: 'ä' },
      at: new Date('2026-03-03T13:05:00.001Z'),
      none: [],
    });
  });

  it('unnests arrays of parameters into rows, in their order', async () => {
    const rows = await database.query('select * from unnest($1::text[], $2::bigint[]) with ordinality as u (name, size, position)', [
      ['b', 'a'],
      [2, null],
    ]);
    expect(rows).toEqual([
      { name: 'b', size: 2, position: 1 },
      { name: 'a', size: null, position: 2 },
    ]);
  });

  it('calls a procedure with what it takes and gives back, which may commit by itself', async () => {
    await database.query(`create procedure add_things(names text[], inout added int, inout seen text[]) language plpgsql as $$
      begin
        insert into thing (name) select unnest(names);
        commit;
        added := cardinality(names) + added; seen := names || null::text;
      end $$`);
    const rows = await database.query('call add_things($1::text[], $2::int, null)', [['p1', 'p2'], 40]);
    expect(rows).toEqual([{ added: 42, seen: ['p1', 'p2', null] }]);
    expect(await database.query(`select name from thing where name like 'p_' order by name`)).toEqual([{ name: 'p1' }, { name: 'p2' }]);
  });

  it('commits each statement by itself, at READ COMMITTED, in UTC', async () => {
    await database.query(`insert into thing (name) values ('alone')`);
    const before = await database.query('select pg_current_xact_id()::text as transaction');
    expect(await database.query('select pg_current_xact_id()::text as transaction')).not.toEqual(before);
    expect(await database.query('show transaction_isolation')).toEqual([{ transaction_isolation: 'read committed' }]);
    expect(await database.query('show timezone')).toEqual([{ TimeZone: 'UTC' }]);
  });

  it('runs with a log that is synced before a commit is answered', async () => {
    const [row] = await database.query(`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`);
    expect(row).toEqual({ fsync: 'on', commit: 'on' });
  });

  it('refuses a statement for what it says, with the state that SQL names', async () => {
    await database.query(`insert into thing (name) values ('once')`);
    expect(await refusal(`insert into thing (name) values ('once')`)).toBe('23505');
    expect(await refusal('insert into thing (name) values (null)')).toBe('23502');
    expect(await refusal('select $1::int', ['many'])).toBe('22P02');
    expect(await refusal('select $1::text', ['a\0b'])).toBe('22021');
    expect(await refusal('select 1/$1::int', [0])).toBe('22012');
    expect(await refusal(`do $$ begin raise exception 'not so' using errcode = '2D000'; end $$`)).toBe('2D000');
    expect(await refusal(`do $$ begin raise exception 'not so'; end $$`)).toBe('P0001');
    expect(await refusal('selec 1')).toBe('42601');
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a parameter of a kind that it does not take', async () => {
    expect(await refusal('select $1', [{ a: 1 }])).toBe('22023');
    expect(await refusal('select $1', [() => 1])).toBe('22023');
    expect(await refusal('select $1', [[[1]]])).toBe('22023');
  });

  it('lives with JSON that is nested as deep as an entry has room for', async () => {
    for (const opening of ['[', '{"":', '[[{"":']) {
      expect(await refusal('select $1::jsonb', [opening.repeat(65_535 / opening.length)])).toMatch(/^(54001|22P02)$/);
    }
    await database.query('select $1::jsonb', ['['.repeat(32_767) + ']'.repeat(32_767)]).catch((error: unknown) => {
      expect(error).toMatchObject({ sqlState: '54001' });
    });
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses two statements in one, so that nothing is half done', async () => {
    expect(await refusal(`insert into thing (name) values ('first'); insert into thing (name) values ('second')`)).toBe('42601');
    expect(await database.query(`select name from thing where name in ('first', 'second')`)).toEqual([]);
  });

  it('refuses to leave a transaction open, which would swallow what others commit', async () => {
    expect(await refusal('begin')).toBe('25001');
    await database.query(`insert into thing (name) values ('after begin')`);
    expect(
      await database.query(`select pg_current_xact_id_if_assigned() is null as idle, name from thing where name = 'after begin'`),
    ).toEqual([{ idle: true, name: 'after begin' }]);
  });

  it('answers each of many statements at once with its own rows', async () => {
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    const insert = (i: number): Promise<unknown> => database.query('insert into thing (name) values ($1) returning name', [`many ${i}`]);
    expect(await Promise.all(numbers.map(insert))).toEqual(numbers.map((i) => [{ name: `many ${i}` }]));
    expect(await database.query(`select count(*) from thing where name like 'many %'`)).toEqual([{ count: 200 }]);
  });

  it('is unavailable once it is closed', async () => {
    const another = await open();
    const last = another.query('select 1 as one');
    await last;
    await another.close();
    await expect(another.query('select 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await another.close();
  }, 60_000);
}
