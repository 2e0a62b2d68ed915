import type { Database } from '../../src/store/database.js';

/** What a question read: rows of tables and entries of indexes together, and the tables that it read from end to end. */
export interface RowsRead {
  readonly rows: number;
  readonly scanned: readonly string[];
}

const COUNTERS = `
  select t.relname, t.seq_scan::float8, t.seq_tup_read::float8 + coalesce(sum(i.idx_tup_read), 0)::float8 as rows
  from pg_stat_user_tables t left join pg_stat_user_indexes i on i.relid = t.relid
  group by t.relid, t.relname, t.seq_scan, t.seq_tup_read order by t.relname`;

/** Asks once, and gives what PostgreSQL counted meanwhile. The database must be one connection, and nothing else may use its tables. */
export async function rowsRead(database: Database, ask: () => Promise<unknown>): Promise<RowsRead> {
  const before = await counters(database);
  await ask();
  const after = await counters(database);
  const more = [...after].map(([table, { scans, rows }]) => {
    const past = before.get(table);
    return { table, scans: scans - (past?.scans ?? 0), rows: rows - (past?.rows ?? 0) };
  });
  return { rows: more.reduce((sum, { rows }) => sum + rows, 0), scanned: more.filter(({ scans }) => scans > 0).map(({ table }) => table) };
}

async function counters(database: Database): Promise<ReadonlyMap<string, { readonly scans: number; readonly rows: number }>> {
  await database.query('select pg_stat_force_next_flush()');
  const rows = await database.query(COUNTERS);
  return new Map(rows.map((row) => [String(row['relname']), { scans: Number(row['seq_scan']), rows: Number(row['rows']) }]));
}
