import pg from 'pg';
import type { Row } from '../../store/database.js';
import { Database, DatabaseUnavailable, StatementRefused } from '../../store/database.js';
import { columnParser } from '../column-value.js';
import { parameterValue } from '../parameter-value.js';
import { statementFailure } from '../statement-failure.js';
import type { LastSeen } from './last-seen.js';
import { connectionFailure, connectionTo, serving } from './checked-connection.js';

/** How long the server may be silent. It MUST be less than half of what the server gives a statement (statement_timeout, which says why). */
const ANSWER_WITHIN_MS = 15_000;

/** The path of a token keeps one flush in flight; the rest is administration. */
const CONNECTIONS = 10;

/** How many statements may wait for a connection. */
const WAITING = 1_000;

/** PostgreSQL over a pool of connections. */
export class PostgresDatabase extends Database {
  readonly #pool: pg.Pool;
  #closing: Promise<void> | undefined;

  constructor(
    url: string,
    /** The migrations that were applied before it was opened. */
    readonly migrated: readonly string[],
    lastSeen: LastSeen | null = null,
  ) {
    super();
    this.#pool = new pg.Pool({ ...connectionTo(url, serving, lastSeen), max: CONNECTIONS, query_timeout: ANSWER_WITHIN_MS });
    // whoever waits for a connection that is lost learns of it from the statement; an idle one is replaced
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    if (this.#pool.waitingCount >= WAITING) throw new DatabaseUnavailable('Too much waits for a connection to PostgreSQL.');
    const statement = { text: sql, values: parameters.map(parameterValue), queryMode: 'extended', types };
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    let sound = false;
    try {
      const { rows } = await client.query<Row>(statement);
      sound = client.getTransactionStatus() === 'I';
      if (!sound) throw new StatementRefused('25001', 'A statement commits by itself: a transaction cannot stay open.');
      return rows;
    } catch (error) {
      const failure = failureOf(error);
      sound = error instanceof pg.DatabaseError && failure instanceof StatementRefused;
      throw failure;
    } finally {
      client.release(!sound); // what is open, in flight or in doubt ends with its connection
    }
  }

  async close(): Promise<void> {
    await (this.#closing ??= this.#pool.end());
  }
}

const types = { getTypeParser: (type: number) => columnParser(type) };

function failureOf(error: unknown): StatementRefused | DatabaseUnavailable {
  if (error instanceof pg.DatabaseError) return statementFailure(error);
  return error instanceof StatementRefused ? error : unavailable(error);
}

function unavailable(error: unknown): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error;
  return new DatabaseUnavailable(`PostgreSQL cannot be reached: ${connectionFailure(error)}`, { cause: error });
}
