import { DatabaseUnavailable } from './database.js';

/**
 * For statements that do nothing a second time: when the connection was lost before the answer, asking again is what tells
 * whether the first was committed.
 */
export async function repeatOnce<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable)) throw error;
    return statement();
  }
}
