import type { EntryType } from './entry-log.js';

/** What entries are looked for by; all that is given must hold. `since` in milliseconds since 1970, included. */
export interface EntryFilter {
  readonly type?: EntryType;
  readonly workflow?: string;
  readonly run?: string;
  readonly since?: number;
  /** 1 to 1000; 100 when left out. */
  readonly limit?: number;
  /** The `next` of an earlier page with the same filter. */
  readonly cursor?: string;
}

/** The newest first. `entries` are the members of the record as they were written. */
export interface EntryPage {
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  /** null on the last page. */
  readonly next: string | null;
}

/** The cursor is none of ours. */
export class CursorInvalid extends Error {
  constructor() {
    super('the cursor is not one that an earlier page gave');
    this.name = 'CursorInvalid';
  }
}

/**
 * Looking entries up. Pages follow the order of arrival: going through them gives each entry that was there at the first page
 * exactly once, whatever arrives meanwhile. @throws CursorInvalid
 */
export abstract class EntrySearch {
  abstract find(filter: EntryFilter): Promise<EntryPage>;
}
