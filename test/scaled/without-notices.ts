import type { RestartablePostgres } from './restartable-postgres.js';

const NOTICE = 'notify corridor_facts;';

/** Corridor as it would be if nobody gave notice of a change: the function that does is replaced in the database. Gives how to mend it. */
export async function withoutNotices(postgres: RestartablePostgres, database: string): Promise<() => Promise<void>> {
  const [row] = await postgres.ask(`select pg_get_functiondef('change_facts_alone'::regproc) as sql`, database);
  const sql = String(row?.['sql']);
  if (!sql.includes(NOTICE)) throw new Error('change_facts_alone gives notice in other words: change them here as well');
  await postgres.ask(sql.replace(NOTICE, ''), database);
  return async () => void (await postgres.ask(sql, database));
}
