import { LogUnavailable } from '../attribution/entry-log.js';

/** A row as the driver gives it: each use parses it. */
export type Row = Readonly<Record<string, unknown>>;

/** A statement was refused for what it says (SQLSTATE class 22 or 23, or a raised exception): repeating it is useless. */
export class StatementRefused extends Error {
  constructor(
    readonly sqlState: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'StatementRefused';
  }
}

/** The database cannot be reached, or the connection was lost before an answer: the statement may have been committed. */
export class DatabaseUnavailable extends LogUnavailable {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseUnavailable';
  }
}

/**
 * The one way to the database.
 *
 * query MUST run one statement on its own, committed by itself at READ COMMITTED, and MUST NOT resolve before what it committed
 * survives a crash and a power failure. It rejects with StatementRefused or DatabaseUnavailable alone. Parameters are strings,
 * numbers, booleans, null, Uint8Array, or arrays of strings, numbers, booleans or null; json is passed as text and cast in SQL; timestamps
 * come back as Date, bigint as string or number, bytea as Uint8Array, json parsed.
 */
export abstract class Database {
  abstract query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]>;
  abstract close(): Promise<void>;
}
