import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { EntryLog, LogUnavailable, type Append, type Appended } from '../attribution/entry-log.js';
import { unobserved } from '../issuance/observer.js';
import { APPEND, appendParameters, parseAppended } from './append-statement.js';
import { DatabaseUnavailable, StatementRefused, type Database, type Row } from './database.js';
import { GroupCommit } from './group-commit.js';
import { isStorable } from './storable.js';

export interface EntryLogLimits {
  readonly maxBatch: number;
  readonly maxWaiting: number;
  readonly flushesInFlight: number;
  /** Milliseconds for one answer of the database; after that the statement counts as lost. */
  readonly answerWithin: number;
  /** Milliseconds in which a flush must come to a conclusive end, and in which one must begin. */
  readonly patience: number;
}

export const entryLogLimits: EntryLogLimits = { maxBatch: 256, maxWaiting: 4096, flushesInFlight: 1, answerWithin: 2000, patience: 4000 };

const PAUSE = 10;
const LONGEST_PAUSE = 250;

const FOUND = `select id, (extract(epoch from recorded_at) * 1000)::float8 as at from entry where id = any ($1::text[])`;
const CLOCK = `select (extract(epoch from date_trunc('milliseconds', clock_timestamp())) * 1000)::float8 as at`;

const foundRow = z.object({ id: z.string(), at: z.number() });
const clockRow = z.tuple([z.object({ at: z.number() })]);

/**
 * The record in SQL: entries of concurrent calls share a flush, which is one statement (DESIGN §7).
 *
 * The statement is atomic and does nothing a second time for an id that is there. So after a lost answer the entries are looked for,
 * and those that are not found are appended again: either that finds the first attempt's commit, or that attempt can no longer commit.
 */
export class SqlEntryLog extends EntryLog {
  readonly #flushes: GroupCommit<Append, Appended>;

  constructor(
    private readonly database: Database,
    private readonly limits: EntryLogLimits = entryLogLimits,
    private readonly monotonic: () => number = () => performance.now(),
    private readonly observer = unobserved,
  ) {
    super();
    const { maxBatch, maxWaiting, patience, flushesInFlight } = limits;
    const groups = { maxBatch, maxWaiting, maxWait: patience, inFlight: flushesInFlight };
    this.#flushes = new GroupCommit((items) => this.#timed(items), groups, monotonic);
  }

  append(items: readonly Append[]): Promise<readonly Appended[]> {
    return this.#flushes.submit(items);
  }

  async #timed(items: readonly Append[]): Promise<readonly Appended[]> {
    const begun = this.monotonic();
    try {
      return await this.#flush(items);
    } finally {
      this.observer.flushed(items.length, this.monotonic() - begun);
    }
  }

  async #flush(items: readonly Append[]): Promise<readonly Appended[]> {
    const until = this.monotonic() + this.limits.patience;
    const storable = items.map(isStorable);
    if (!storable.includes(false)) return this.#settle(items, until);
    const good = items.filter((_, index) => storable[index]);
    const appended = good.length === 0 ? [] : await this.#settle(good, until);
    const bad = { verdict: 'bad', at: appended[0]?.at ?? (await this.#clock()) } as const;
    let next = 0;
    return storable.map((fits) => (fits ? appended[next++] : undefined) ?? bad);
  }

  /** Comes to a verdict on each, or rejects with LogUnavailable. */
  async #settle(items: readonly Append[], until: number): Promise<readonly Appended[]> {
    let recorded: ReadonlyMap<string, Appended> = new Map();
    let inDoubt = false;
    let cause: unknown;
    for (let pause = PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        if (inDoubt) recorded = await this.#find(items);
        const missing = items.filter(({ entry }) => !recorded.has(entry.id));
        if (missing.length > 0 && this.monotonic() > until) throw new LogUnavailable('there was no time left to record', { cause });
        const appended = missing.length === 0 ? [] : await this.#appendOnce(missing, until);
        let next = 0;
        return items.map(({ entry }) => recorded.get(entry.id) ?? ownRetry(appended[next++], inDoubt));
      } catch (error) {
        if (error instanceof DatabaseUnavailable) inDoubt = true;
        else if (!isPassing(error)) throw error;
        cause = error;
        await this.#pause(pause, until, cause);
      }
    }
  }

  async #appendOnce(items: readonly Append[], until: number): Promise<readonly Appended[]> {
    if (new Set(items.map(({ entry }) => entry.id)).size < items.length) return this.#settleApart(items, until);
    try {
      return parseAppended(await this.#ask(APPEND, appendParameters(items)), items.length);
    } catch (error) {
      if (!(error instanceof StatementRefused) || isPassing(error)) throw error;
      if (isEntrysFault(error)) return this.#settleApart(items, until);
      throw new LogUnavailable(`the database refuses to record: ${error.message}`, { cause: error });
    }
  }

  /** These cannot be stored together, and nothing of them was: they are halved until what cannot be stored is alone. */
  async #settleApart(items: readonly Append[], until: number): Promise<readonly Appended[]> {
    const middle = items.length >> 1;
    if (middle > 0) return [...(await this.#settle(items.slice(0, middle), until)), ...(await this.#settle(items.slice(middle), until))];
    // what is taken may be its own key, by an earlier attempt that was committed a moment ago
    const found = await this.#find(items);
    return [{ verdict: found.size > 0 ? 'duplicate' : 'bad', at: await this.#clock() }];
  }

  async #find(items: readonly Append[]): Promise<ReadonlyMap<string, Appended>> {
    const rows = await this.#ask(FOUND, [items.map(({ entry }) => entry.id)]);
    return new Map(rows.map((row) => foundRow.parse(row)).map(({ id, at }) => [id, { verdict: 'recorded', at }]));
  }

  async #clock(): Promise<number> {
    return clockRow.parse(await this.#ask(CLOCK, []))[0].at;
  }

  async #pause(milliseconds: number, until: number, cause: unknown): Promise<void> {
    if (this.monotonic() + milliseconds > until)
      throw new LogUnavailable('nothing conclusive could be learned of what was to be recorded', { cause });
    await delay(milliseconds);
  }

  async #ask(sql: string, parameters: readonly unknown[]): Promise<readonly Row[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const { answerWithin } = this.limits;
      timer = setTimeout(() => reject(new DatabaseUnavailable(`the database gave no answer within ${answerWithin} ms`)), answerWithin);
    });
    try {
      return await Promise.race([this.database.query(sql, parameters), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** After a lost answer, an id that is there already is this very append. */
function ownRetry(appended: Appended | undefined, inDoubt: boolean): Appended {
  if (appended === undefined) throw new TypeError('an append got no verdict');
  return inDoubt && appended.verdict === 'duplicate' ? { ...appended, verdict: 'recorded' } : appended;
}

/** Its texts cannot be stored, its keys are taken, or it is beyond a limit (SQLSTATE 22, 23, 54). */
function isEntrysFault(error: StatementRefused): boolean {
  return /^(22|23|54)/.test(error.sqlState);
}

/** Nothing was done, and it may go better the next time: a deadlock, a lock or a statement that took too long, too many connections. */
function isPassing(error: unknown): boolean {
  return error instanceof StatementRefused && /^(40|53|55P03|57014)/.test(error.sqlState);
}
