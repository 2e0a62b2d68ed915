import { pooledDatabase } from '../rig/databases.js';
import type { Database } from '../../src/store/database.js';
import type { Past } from './questions.js';
import { ENTRIES_OF_RUN, GROWING, type Growing, type Story } from './story.js';

/** Runs begin at this rate, in milliseconds: 10^6 in thirty days. */
const PACE = 2_592;
/** Between two entries of one run so many other runs begin, which is a minute: entries of hundreds of runs lie between one another. */
const APART = 23;
const PORTION = 20_000;
const SETTINGS = { maintenance_work_mem: '1GB', synchronous_commit: 'off', work_mem: '256MB' };

export interface Filled {
  /** In the middle of it. */
  readonly past: Past;
  readonly runs: number;
  readonly entries: number;
  readonly seconds: number;
  readonly bytes: { readonly heap: number; readonly indexes: number; readonly whole: number };
  /** Definitions before it was filled, and after. */
  readonly indexes: readonly [readonly string[], readonly string[]];
}

/**
 * Fills a migrated database with so many copies of a run that has been, each with ids, hashes, times and texts of its own. Nothing is
 * left in the way of its use: its indexes are there, its statistics are fresh, what is dirty is written.
 */
export async function fill(url: string, story: Story, runs: number, end: number): Promise<Filled> {
  const database = pooledDatabase(url, 2, SETTINGS);
  const began = performance.now();
  try {
    const before = await indexes(database);
    const [{ drop, create }, sql] = [await secondaryIndexes(database), await statements(database, story)];
    for (const statement of drop) await database.query(statement);
    for (const table of GROWING) await database.query(`alter table ${table} set (autovacuum_enabled = off)`);
    await database.query(sql.copy, [runs, end]);
    await database.query('analyze past.copy');
    const slots = runs + ENTRIES_OF_RUN * APART;
    const portions = Array.from({ length: Math.ceil(slots / PORTION) }, (_, portion) => [portion * PORTION + 1, (portion + 1) * PORTION]);
    const past = await pastOf(database, runs);
    await twoAtATime(portions, async (portion) => {
      for (const statement of sql.copies) await database.query(statement, portion);
    });
    await database.query(`select setval('entry_number_seq', (select max(number) from entry))`);
    await database.query('drop schema past cascade');
    // before there are indexes: what a vacuum and they would write to each page is written once
    await twoAtATime(['entry', 'run', 'issuance', 'decision_input', 'work'], (table) => database.query(`vacuum (analyze) ${table}`));
    await twoAtATime(create, (statement) => database.query(statement));
    for (const table of GROWING) await database.query(`alter table ${table} reset (autovacuum_enabled)`);
    await database.query('checkpoint');
    const [counted] = await database.query(
      `select (select count(*) from run)::float8 as runs, (select count(*) from entry)::float8 as entries, pg_table_size('entry')::float8 as heap,
        pg_indexes_size('entry')::float8 as indexes, pg_database_size(current_database())::float8 as whole`,
    );
    const entry = await database.query(`select id from entry where run = $1 and type = 'token.issued'`, [past.run]);
    return {
      past: { ...past, entry: String(entry[0]?.['id']) },
      runs: Number(counted?.['runs']),
      entries: Number(counted?.['entries']),
      bytes: { heap: Number(counted?.['heap']), indexes: Number(counted?.['indexes']), whole: Number(counted?.['whole']) },
      seconds: (performance.now() - began) / 1000,
      indexes: [before, await indexes(database)],
    };
  } finally {
    await database.close();
  }
}

async function twoAtATime<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

async function indexes(database: Database): Promise<readonly string[]> {
  const rows = await database.query(`select indexdef from pg_indexes where schemaname = 'public' order by indexname`);
  return rows.map((row) => String(row['indexdef']));
}

/** All of the tables that grow but their primary keys, which are cheap to keep. */
async function secondaryIndexes(database: Database): Promise<{ readonly drop: readonly string[]; readonly create: readonly string[] }> {
  const rows = await database.query(
    `select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename = any ($1::text[])
      and indexname not in (select conname from pg_constraint) order by tablename = 'entry' desc, indexname`,
    [GROWING],
  );
  return {
    drop: rows.map((row) => `drop index ${String(row['indexname'])}`),
    create: rows.map((row) => String(row['indexdef'])),
  };
}

async function pastOf(database: Database, runs: number): Promise<Omit<Past, 'entry'>> {
  const [row] = await database.query('select run, token_sha256, jti from past.copy where n = $1', [runs >> 1]);
  return { run: String(row?.['run']), tokenSha256: String(row?.['token_sha256']), jti: String(row?.['jti']) };
}

const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';
/** An identifier as Corridor makes them: the millisecond in ten letters, and sixteen more. */
const identifier = (prefix: string, ms: string, seed: string): string => {
  const places = [45, 40, 35, 30, 25, 20, 15, 10, 5, 0].map((shift) => `substr('${LETTERS}', (${ms} >> ${shift} & 31)::int + 1, 1)`);
  return `('${prefix}' || ${places.join(' || ')} || substr(md5('${prefix}' || ${seed}), 1, 16))`;
};
const digest = (seed: string): string => `(md5('one' || ${seed}) || md5('two' || ${seed}))`;
const later = (places: number): string => `c.at + interval '${places * APART * PACE} ms'`;

const COPY_TABLE = `
  create table past.copy (n int primary key, back int, at timestamptz, ms bigint, run text, credential text, issuance text, decision text,
    denial text, token_sha256 text, jti text, cache_key text, workflow text, client text, resource text, owner text)`;
/** By how far from the end it is, so that the newest are the same whatever was before them. $1: how many, $2: the end. */
const COPY = `
  insert into past.copy
  select n, back, to_timestamp(ms / 1000.0), ms, ${identifier('run', 'ms', 'back')}, ${identifier('cre', 'ms', 'back')},
    ${identifier('iss', `(ms + ${2 * APART * PACE})`, 'back')}, ${identifier('dec', `(ms + ${2 * APART * PACE})`, 'back')},
    ${identifier('dec', `(ms + ${8 * APART * PACE})`, `'denial' || back`)}, ${digest(`'token' || back`)}, 'jti' || md5('jti' || back),
    ${digest(`'cache' || back`)}, 'workflow' || back % 50, 'client' || back % 50, 'resource' || back % 20, 'owner' || back % 10
  from generate_series(1, $1::int) n, lateral (select $1::int - n as back) b,
    lateral (select $2::bigint - (back + ${ENTRIES_OF_RUN * APART}) * ${PACE}::bigint as ms) m
  order by n`;

/** Loads the story, and gives what copies it: the table of copies, and then each portion of slots from $1 to $2. */
async function statements(database: Database, story: Story): Promise<{ readonly copy: string; readonly copies: readonly string[] }> {
  await database.query('create schema past');
  for (const table of GROWING) {
    await database.query(`create table past.${table} as select * from ${table} limit 0`);
    await database.query(`insert into past.${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`, [
      story.rows[table],
    ]);
  }
  await database.query(COPY_TABLE);
  await database.query(`
    create table past.told as select row_number() over (order by number)::int as place, e.*, null::text as says, null::text as input,
      convert_from(bytes, 'UTF8')::jsonb as said from past.entry e`);
  await database.query(`
    update past.told set input = (select i.place from (select sha256, row_number() over (order by sha256)::text as place
      from past.decision_input) i where i.sha256 = said -> 'decision' ->> 'input_sha256')`);
  for (const [index, says] of templates(story).entries())
    await database.query('update past.told set says = $1 where place = $2', [says, index + 1]);
  const of = (table: Growing): Promise<readonly Column[]> => columns(database, table);
  return {
    copy: COPY,
    copies: [
      copyOf('run', await of('run'), 1, {
        id: 'c.run',
        workflow: 'c.workflow',
        lineage: 'array[c.run]',
        credential: `t.credential || jsonb_build_object('id', c.credential)`,
        credential_id: 'c.credential',
        ended_at: later(9),
      }),
      copyOf('issuance', await of('issuance'), 2, {
        id: 'c.issuance',
        run: 'c.run',
        workflow: 'c.workflow',
        client: 'c.client',
        resource: 'c.resource',
        cache_key: 'c.cache_key',
        token_sha256: 'c.token_sha256',
        token_jti: 'c.jti',
      }),
      copyOf(
        'decision_input',
        await of('decision_input'),
        2,
        { sha256: digest(`c.back || 'x' || t.place`) },
        `
        (select *, row_number() over (order by sha256)::text as place from past.decision_input)`,
      ),
      copyOf('work', await of('work'), 9, { id: `'wrk' || md5('wrk' || c.back)`, subject: 'c.issuance' }),
      ENTRIES,
    ],
  };
}

interface Column {
  readonly name: string;
  readonly type: string;
}

async function columns(database: Database, table: string): Promise<readonly Column[]> {
  const rows = await database.query(
    `select column_name, data_type from information_schema.columns where table_schema = 'public' and table_name = $1 order by ordinal_position`,
    [table],
  );
  return rows.map((row) => ({ name: String(row['column_name']), type: String(row['data_type']) }));
}

/** Rows of a table for each run: what is not said otherwise is as the story has it, times as far from `place` as they were. */
function copyOf(
  table: Growing,
  all: readonly Column[],
  place: number,
  own: Readonly<Record<string, string>>,
  from = `past.${table}`,
): string {
  const values = all.map(({ name, type }) => {
    if (own[name] !== undefined) return own[name];
    return type === 'timestamp with time zone' ? `${later(place)} + (t.${name} - s.started_at)` : `t.${name}`;
  });
  return `insert into ${table} (${all.map(({ name }) => name).join(', ')}) select ${values.join(', ')}
    from past.copy c, ${from} t, past.run s where c.n between $1 and $2 order by c.n`;
}

/** The texts of the entries, in which what differs stands as a place of format(). */
function templates({ rows, entries }: Story): readonly string[] {
  const told = (JSON.parse(rows.entry) as readonly Readonly<Record<string, string | number | null>>[]).toSorted(
    (a, b) => Number(a['number']) - Number(b['number']),
  );
  return entries.map(({ text }, index) => {
    const said = JSON.parse(text) as {
      readonly nonce: string;
      readonly time: string;
      readonly decision?: { readonly input_sha256?: string };
    };
    const row = told[index] ?? {};
    const varying = [row['id'], row['run'], row['issuance'], row['decision'], row['token_sha256'], said.nonce, said.time, row['workflow']];
    const places = [...varying, row['resource'], row['owner'], said.decision?.input_sha256];
    return places.reduce<string>(
      (template, value, place) => (typeof value === 'string' ? template.replaceAll(`"${value}"`, `"%${place + 1}$s"`) : template),
      text.replaceAll('%', '%%'),
    );
  });
}

/** In the order of their arrival, whatever run they are of. */
const ENTRIES = `
  insert into entry (number, id, type, recorded_at, run, workflow, client, resource, owner, issuance, decision, token_sha256, token_jti, bytes)
  select number, id, type, at, run, workflow, client, resource, owner, issuance, decision, token_sha256, jti,
    convert_to(format((array(select says from past.told order by place))[place], id, run, issuance, decision, token_sha256, substr(md5(id), 1, 22),
      to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), workflow, resource, owner, input), 'UTF8')
  from (
    select (slot - ${1 + APART}) * ${ENTRIES_OF_RUN} + t.place as number, ${identifier('ent', 'm.ms', `c.back || 'x' || t.place`)} as id, t.type,
      to_timestamp(m.ms / 1000.0) as at, c.run, c.workflow, case when t.client is not null then c.client end as client,
      case when t.resource is not null then c.resource end as resource, case when t.owner is not null then c.owner end as owner,
      case when t.issuance is not null then c.issuance end as issuance,
      case when t.type = 'token.denied' then c.denial when t.decision is not null then c.decision end as decision,
      case when t.token_sha256 is not null then c.token_sha256 end as token_sha256,
      case when t.token_sha256 is not null then c.jti end as jti, t.place, ${digest(`c.back || 'x' || t.input`)} as input
    from generate_series($1::int, $2::int) slot cross join past.told t join past.copy c on c.n = slot - t.place * ${APART},
      lateral (select c.ms + t.place * (${APART * PACE} + 200) as ms) m
    order by slot, t.place offset 0) arrived`;
