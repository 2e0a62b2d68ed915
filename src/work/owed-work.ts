/**
 * What is owed by now: revoke, a token at its authorization server; end_run, a run whose deadline passed or whose ancestor was ended;
 * close_intent, an attempt that nobody reports on any more; rotate, the next step of a rotation.
 */
export const workKinds = ['revoke', 'end_run', 'close_intent', 'rotate'] as const;
export type WorkKind = (typeof workKinds)[number];

/** due: it is anybody's to try. waiting: it is tried again, or somebody tries it now. given_up: nobody tries it until somebody says so. */
export const workStates = ['due', 'waiting', 'given_up'] as const;
export type WorkState = (typeof workStates)[number];

/** Times in milliseconds since 1970. */
export interface OwedWork {
  /** Null for what was never tried: it is due, and is found where it came from. */
  readonly id: string | null;
  readonly kind: WorkKind;
  /** The id of the issuance, run or rotation that it is about. */
  readonly subject: string;
  readonly state: WorkState;
  /** Since when it is owed. */
  readonly since: number;
  readonly attempts: number;
  /** One word of why the last attempt did not succeed, never with anything secret in it. */
  readonly lastError: string | null;
  readonly nextAttemptAt: number | null;
  readonly givenUpAt: number | null;
  readonly run: string | null;
  readonly workflow: string | null;
  readonly client: string | null;
  readonly resource: string | null;
  /** Until when the token that it is about may work; null where it is about none. */
  readonly livesUntil: number | null;
}

export interface WorkFilter {
  readonly kind?: WorkKind;
  readonly state?: WorkState;
  /** 1 to 1000; 100 when left out. */
  readonly limit?: number;
  /** The `next` of an earlier page with the same filter. */
  readonly cursor?: string;
}

/** The longest owed first. */
export interface WorkPage {
  readonly work: readonly OwedWork[];
  /** Null on the last page. */
  readonly next: string | null;
}

/** What was given up of one kind for one client or workflow: how often, why the last time, and how long the last of its tokens lives. */
export interface GivenUpWork {
  readonly kind: WorkKind;
  readonly client: string | null;
  readonly workflow: string | null;
  readonly count: number;
  readonly lastError: string | null;
  readonly livesUntil: number | null;
}

/** What was tried: `since` when it became owed, where that is not written down yet; of a rotation, the state whose next step it was. */
export type TriedWork =
  | { readonly kind: Exclude<WorkKind, 'rotate'>; readonly subject: string; readonly since?: number }
  | { readonly kind: 'rotate'; readonly subject: string; readonly state: string };

/** In milliseconds: the pause after the first failed attempt, twice as long after each that follows, between these two bounds. */
export interface Pauses {
  readonly first: number;
  readonly longest: number;
  readonly shortest: number;
}

/**
 * What is still to be done, whatever table it stands in.
 *
 * list gives what is neither done nor over; what the same page gave before does not come again with its cursor. find gives one by its id.
 * postpone notes that an attempt did not succeed, and when the next is due. It gives the id and how often it was tried, or null when it is
 * done or given up meanwhile, or the step of a rotation was taken: what is owed then has its own time, which MUST stay as it is. It MUST
 * keep what is owed if the caller dies at any point.
 * Giving up and taking up again is the effect `work` of an entry (EntryLog).
 */
export abstract class WorkStore {
  /** @throws CursorInvalid */
  abstract list(filter: WorkFilter): Promise<WorkPage>;
  abstract find(id: string): Promise<OwedWork | null>;
  abstract givenUp(): Promise<readonly GivenUpWork[]>;
  abstract postpone(work: TriedWork, error: string, pauses: Pauses): Promise<{ readonly id: string; readonly attempts: number } | null>;
}
