import pg from 'pg';
import type { Row } from '../../store/database.js';
import { Database, DatabaseUnavailable } from '../../store/database.js';
import { columnParser } from '../column-value.js';
import { parameterValue } from '../parameter-value.js';
import { statementFailure } from '../statement-failure.js';
import { checkConnection, connectionTo } from './checked-connection.js';

/** How long the server may be silent; its own limits (statement_timeout) come first unless the network is gone. */
const ANSWER_WITHIN_MS = 15_000;

/** The path of a token keeps one flush in flight; the rest is administration. */
const CONNECTIONS = 10;

/** PostgreSQL over a pool of connections. */
export class PostgresDatabase extends Database {
  readonly #pool: pg.Pool;

  constructor(
    url: string,
    /** The migrations that were applied before it was opened. */
    readonly migrated: readonly string[],
  ) {
    super();
    this.#pool = new pg.Pool({ ...connectionTo(url), max: CONNECTIONS, query_timeout: ANSWER_WITHIN_MS, onConnect: checkConnection });
    this.#pool.on('error', () => undefined); // an idle connection was lost: the next statement gets a new one
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    const values = parameters.map(parameterValue);
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    let usable = false;
    try {
      const { rows } = await client.query<Row>({ text: sql, values, queryMode: 'extended', types: { getTypeParser } });
      usable = isIdle(client);
      return rows;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw unavailable(error);
      usable = isIdle(client);
      throw statementFailure(error);
    } finally {
      client.release(!usable);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
