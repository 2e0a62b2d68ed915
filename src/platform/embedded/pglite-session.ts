import { messages, PGlite, protocol } from '@electric-sql/pglite';
import { DatabaseUnavailable, StatementRefused } from '../../store/database.js';
import type { ParameterValue } from '../parameter-value.js';
import { statementFailure } from '../statement-failure.js';
import type { TextTable } from '../text-table.js';
import { bindMessage } from './bind-message.js';
import { DurableFiles } from './durable-files.js';

/** The status with which PGlite leaves PostgreSQL after an ordinary error of SQL (its siglongjmp). */
const ERROR_OF_SQL = 100;

const parameters: Readonly<Record<string, string>> = {
  fsync: 'on',
  // the build's fdatasync is a stub that does nothing: fsync is the method that DurableFiles carries out
  wal_sync_method: 'fsync',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '64MB',
  work_mem: '8MB',
  maintenance_work_mem: '32MB',
  // far below the stack of the thread, so that most recursion ends in an error of SQL and not with the thread
  max_stack_depth: '512kB',
  default_transaction_isolation: 'read committed',
  TimeZone: 'UTC',
  bytea_output: 'hex',
};

/**
 * PostgreSQL in this thread, over a directory that this process owns.
 *
 * PGlite carries on after a failure inside PostgreSQL (a failed write or sync, memory or stack that ran out) as if the statement had
 * succeeded. So the first one calls `broken`, which must end the thread at once: nothing may be answered after it.
 */
export class PgliteSession {
  private constructor(
    readonly pglite: PGlite,
    private readonly files: DurableFiles,
  ) {}

  static async open(directory: string, broken: (reason: string) => never): Promise<PgliteSession> {
    const files = new DurableFiles(directory);
    let lastWords = '';
    const onStderr = (line: string): boolean => {
      lastWords = /\b(?:FATAL|PANIC): +(.*)/.exec(line)?.[1] ?? lastWords;
      return true;
    };
    const pglite = await PGlite.create({ fs: files, startParams: startParameters(), onStderr }).catch((error: unknown) => {
      throw new DatabaseUnavailable(`The database in ${directory} does not start: ${lastWords || String(error)}`, { cause: error });
    });
    stopWhenBroken(pglite, (error) => broken(lastWords || String(error)));
    return new PgliteSession(pglite, files);
  }

  /** How often files were synced since the session began. */
  get syncs(): number {
    return this.files.syncs;
  }

  /** One statement on its own, in one message: it is committed and on disk before this returns. */
  async run(sql: string, values: readonly ParameterValue[]): Promise<TextTable> {
    try {
      const answer = await this.pglite.execProtocolStream(statementMessage(sql, values), { syncToFs: false });
      if (this.pglite.isInTransaction()) await this.#refuseTransaction();
      return tableOf(answer);
    } catch (error) {
      throw error instanceof messages.DatabaseError ? statementFailure(error) : error;
    }
  }

  /** A statement that opens a transaction would swallow the commits of all that follow. */
  async #refuseTransaction(): Promise<never> {
    await this.pglite.exec('ROLLBACK');
    throw new StatementRefused('25001', 'A statement commits by itself: a transaction cannot stay open.');
  }

  close(): Promise<void> {
    return this.pglite.close();
  }
}

function startParameters(): string[] {
  const stock = PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'); // -F turns fsync off
  return [...stock, ...Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

function stopWhenBroken(pglite: PGlite, broken: (error: unknown) => never): void {
  const module = pglite.Module;
  const mainLoopOnce = module._PostgresMainLoopOnce;
  module._PostgresMainLoopOnce = () => {
    try {
      mainLoopOnce();
    } catch (error) {
      const status: unknown = error instanceof Object && 'status' in error ? error.status : undefined;
      if (status === ERROR_OF_SQL) throw error;
      broken(error);
    }
  };
}

function statementMessage(sql: string, values: readonly ParameterValue[]): Uint8Array {
  const { serialize } = protocol;
  return Buffer.concat([
    serialize.parse({ text: sql }),
    bindMessage(values),
    serialize.describe({ type: 'P' }),
    serialize.execute({}),
    serialize.sync(),
  ]);
}

function tableOf(answer: readonly unknown[]): TextTable {
  const rows: (string | null)[][] = [];
  let columns: TextTable['columns'] = [];
  for (const message of answer) {
    if (message instanceof messages.RowDescriptionMessage) {
      columns = message.fields.map((field) => ({ name: field.name, type: field.dataTypeID }));
    } else if (message instanceof messages.DataRowMessage) {
      rows.push(message.fields);
    }
  }
  return { columns, rows };
}
