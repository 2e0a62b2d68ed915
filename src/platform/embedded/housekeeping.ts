import { rowsOf } from '../text-table.js';
import type { TextTable } from '../text-table.js';

/** So much log is written again after a crash before the database opens, and so much disk it takes. */
const CHECKPOINT_AFTER_BYTES = 64 * 1024 * 1024;

/** Rows that were added to a table make it due when the log is full, so that no turn is a long one. */
const FREEZE_AFTER_ROWS = 10_000;

/** Steps between two looks at the tables. */
const TABLES_EVERY = 30;

const logSinceCheckpoint = 'select pg_current_wal_lsn() - redo_lsn as bytes from pg_control_checkpoint()';

/** Before a checkpoint the pages that are frozen are in the log already: after it they would be written there whole. */
const grownTables = `
  select format('vacuum (freeze) %I.%I', schemaname, relname) as statement from pg_stat_user_tables
    where n_ins_since_vacuum > ${FREEZE_AFTER_ROWS}`;

/** At most one statement: the tables are taken in turns, between the statements of others. */
const mostNeeded = `
  select 'vacuum (freeze)' as statement, 0 as rank from pg_database where datname = current_database() and age(datfrozenxid) > 100000000
  union all
  select format('vacuum (freeze) %I.%I', schemaname, relname), 1 from pg_stat_user_tables where n_dead_tup > 10000 + n_live_tup / 10
  union all
  select format('analyze %I.%I', schemaname, relname), 2 from pg_stat_user_tables where n_mod_since_analyze > 1000 + n_live_tup / 10
  order by rank limit 1`;

/**
 * What the checkpointer and autovacuum of a PostgreSQL server do. PGlite has neither: without this its log would grow for ever, its
 * tables keep every dead row, and its planner know nothing of them. Frozen at once, rows need no later pass over the whole table.
 */
export class Housekeeping {
  #statements = 0;
  #steps = 0;

  constructor(private readonly run: (sql: string) => Promise<TextTable>) {}

  /** A statement of somebody was run. */
  ran(): void {
    this.#statements += 1;
  }

  /** To be called about once a second, between statements; it does nothing while nothing happens. */
  async step(): Promise<void> {
    if (this.#statements === 0) return;
    this.#statements = 0;
    try {
      const [log] = rowsOf(await this.run(logSinceCheckpoint));
      if (Number(log?.bytes) > CHECKPOINT_AFTER_BYTES) await this.#checkpoint();
      if (++this.#steps % TABLES_EVERY === 0) await this.#keepOneTable();
    } catch {
      // nobody waits for this: what hinders it (a full disk) meets the next statement too, and there it is told
    }
  }

  async #checkpoint(): Promise<void> {
    for (const { statement } of rowsOf(await this.run(grownTables))) if (typeof statement === 'string') await this.run(statement);
    await this.run('checkpoint');
  }

  async #keepOneTable(): Promise<void> {
    const [row] = rowsOf(await this.run(mostNeeded));
    if (typeof row?.statement === 'string') await this.run(row.statement);
  }
}
