import { Worker } from 'node:worker_threads';
import type { Row } from '../../store/database.js';
import { Database, DatabaseUnavailable, StatementRefused } from '../../store/database.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { rowsOf } from '../text-table.js';
import { workerFile } from '../worker-file.js';
import type { Answer, Order, WorkerStart } from './worker-messages.js';

/** How long a statement may go unanswered before its caller is told that the database is unavailable. */
const ANSWER_WITHIN_MS = 30_000;

/** How many statements may wait for their turn or their answer. */
const WAITING = 4_000;

/**
 * The native stack of the thread. PostgreSQL's own limit cannot see how much of it WebAssembly takes, and when it runs out the database
 * is lost: this is enough for JSON that is nested some 300,000 deep, several times what fits into an entry.
 */
const STACK_MB = 64;

interface Pending {
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: NodeJS.Timeout;
}

/**
 * PGlite in a thread of its own, so that neither a statement nor the sync of a commit holds up the thread that serves. Statements are
 * sent as they come and run one after the other.
 */
export class PgliteDatabase extends Database {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #syncs = 0;
  #gone: DatabaseUnavailable | null = null;
  #tellLoss: (error: DatabaseUnavailable) => void = () => undefined;

  /** Resolves when the database breaks while it is open: from then on every statement is refused, and only a new start helps. */
  readonly lost = new Promise<DatabaseUnavailable>((resolve) => (this.#tellLoss = resolve));

  private constructor(
    worker: Worker,
    /** The migrations that were applied when it was opened. */
    readonly migrated: readonly string[],
  ) {
    super();
    this.#worker = worker;
    this.#ended = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (answer: Answer) => this.#take(answer));
    worker.on('error', (error) => this.#lose(error.message));
    worker.on('exit', () => this.#lose('its thread ended'));
  }

  /** Opens the directory, which must be there, and applies the migrations that it lacks. @throws PlatformUnusable */
  static async open(start: WorkerStart): Promise<PgliteDatabase> {
    const worker = new Worker(workerFile(import.meta.url, './serve-worker.js'), {
      name: 'database',
      workerData: start,
      env: {},
      execArgv: [],
      resourceLimits: { stackSizeMb: STACK_MB },
    });
    return new PgliteDatabase(worker, await ready(worker));
  }

  /** How often files had been synced to disk when the last statement was answered. */
  get syncs(): number {
    return this.#syncs;
  }

  query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      if (this.#pending.size >= WAITING) return reject(new DatabaseUnavailable('Too much waits for the embedded database.'));
      const id = this.#nextId++;
      try {
        this.#send({ kind: 'query', id, sql, parameters });
      } catch (error) {
        return reject(new StatementRefused('22023', 'A parameter is of a kind that the database does not take.', { cause: error }));
      }
      const tooLate = (): void => this.#settle(id)?.reject(new DatabaseUnavailable('The embedded database does not answer.'));
      this.#pending.set(id, { resolve, reject, deadline: setTimeout(tooLate, ANSWER_WITHIN_MS) });
    });
  }

  /** Statements sent before are still answered; those that come after are not. */
  async close(): Promise<void> {
    if (!this.#gone) {
      this.#gone = new DatabaseUnavailable('The embedded database was closed.');
      this.#send({ kind: 'close' });
    }
    const deadline = setTimeout(() => void this.#worker.terminate(), ANSWER_WITHIN_MS); // it loses nothing: what was answered is on disk
    await this.#ended;
    clearTimeout(deadline);
  }

  #send(order: Order): void {
    this.#worker.postMessage(order);
  }

  #take(answer: Answer): void {
    if (answer.kind === 'ready') return;
    if (answer.kind === 'lost') return this.#lose(answer.message);
    const pending = this.#settle(answer.id);
    if (answer.kind === 'table') {
      this.#syncs = answer.syncs;
      pending?.resolve(rowsOf(answer.table));
    } else if (answer.kind === 'refused') {
      pending?.reject(new StatementRefused(answer.sqlState, answer.message));
    } else {
      pending?.reject(new DatabaseUnavailable(answer.message));
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.deadline);
    this.#pending.delete(id);
    return pending;
  }

  #lose(reason: string): void {
    const error = new DatabaseUnavailable(`The embedded database is lost: ${reason}`);
    if (!this.#gone) this.#tellLoss(error);
    this.#gone ??= error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }
}

function ready(worker: Worker): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new PlatformUnusable(reason));
    worker.once('message', (answer: Answer) => {
      if (answer.kind === 'ready') resolve(answer.migrated);
      else if (answer.kind === 'lost') fail(answer.message);
    });
    worker.once('error', (error) => fail(`The thread of the embedded database failed: ${error.message}`));
    worker.once('exit', () => fail('The thread of the embedded database ended at its start.'));
  });
}
