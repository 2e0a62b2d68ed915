import { DatabaseUnavailable, StatementRefused } from './database.js';

/**
 * For statements that do nothing a second time: when the connection was lost before the answer, asking again is what tells
 * whether the first was committed. Also when it was refused for no fault of its own (SQLSTATE 40: a deadlock, 53: too many
 * connections, 55P03 and 57014: a lock or the statement took too long): then nothing was done.
 */
export async function repeatOnce<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable || isPassing(error))) throw error;
  }
  try {
    return await statement();
  } catch (error) {
    throw isPassing(error) ? new DatabaseUnavailable('the database is too busy: nothing was done, try again', { cause: error }) : error;
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof StatementRefused && /^(40|53|55P03|57014)/.test(error.sqlState);
}
