import { z } from 'zod';
import { CursorInvalid, EntrySearch, type EntryFilter, type EntryPage } from '../attribution/entry-search.js';
import { timestamp } from '../oauth/clock.js';
import { bytes, count } from './column-types.js';
import type { Database } from './database.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

const entryRow = z.object({ number: count, bytes });
const members = z.record(z.string(), z.unknown());

/**
 * A time as a bound on the order of arrival, so that the newest entries are found without reading those before `since`.
 * An entry gets its number within a minute of its time (appends are bounded by far less), hence the margin.
 */
const ARRIVED_SINCE = (since: string): string =>
  `number >= (select number from entry where recorded_at >= ${since}::timestamptz - interval '1 minute' order by recorded_at limit 1)`;

/** Entries by their columns, each page one statement. */
export class SqlEntries extends EntrySearch {
  constructor(private readonly database: Database) {
    super();
  }

  async find(filter: EntryFilter): Promise<EntryPage> {
    const limit = Math.min(Math.max(filter.limit ?? DEFAULT_LIMIT, 1), MAX_LIMIT);
    const { sql, parameters } = entriesQuery(filter, limit + 1);
    const rows = (await this.database.query(sql, parameters)).map((row) => entryRow.parse(row));
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      entries: page.map((row) => members.parse(JSON.parse(Buffer.from(row.bytes).toString()))),
      next: rows.length > limit && last !== undefined ? printCursor(last.number) : null,
    };
  }
}

/** The statement of one page: what is not filtered by does not stand in it, so that the right index is found. */
export function entriesQuery(filter: EntryFilter, limit: number): { readonly sql: string; readonly parameters: readonly unknown[] } {
  const conditions: string[] = [];
  const parameters: unknown[] = [];
  const parameter = (value: unknown): string => `$${parameters.push(value)}`;
  let narrowest = true;
  for (const column of ['run', 'workflow', 'type'] as const) {
    const value = filter[column];
    if (value === undefined) continue;
    // each has an index in the order of arrival; `is true` keeps the planner from combining several, which would be read whole
    conditions.push(narrowest ? `${column} = ${parameter(value)}` : `(${column} = ${parameter(value)}) is true`);
    narrowest = false;
  }
  if (filter.since !== undefined) {
    const since = parameter(timestamp(filter.since));
    // by its index all entries since then would be read, and sorted, for one page
    conditions.push(`(recorded_at >= ${since}::timestamptz) is true`, ARRIVED_SINCE(since));
  }
  if (filter.cursor !== undefined) conditions.push(`number < ${parameter(parseCursor(filter.cursor))}`);
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  return { sql: `select number, bytes from entry ${where} order by number desc limit ${limit}`, parameters };
}

function printCursor(number: number): string {
  return Buffer.from(`before ${number}`).toString('base64url');
}

function parseCursor(cursor: string): number {
  const number = /^before (\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1];
  if (number === undefined) throw new CursorInvalid();
  return Number(number);
}
