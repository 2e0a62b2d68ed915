import type { TokenBinding } from '../oauth/token-binding.js';
import type { Epoch } from './epoch.js';

export const entryTypes = [
  'run.started',
  'run.ended',
  'token.requested',
  'token.issued',
  'token.released',
  'token.refused',
  'token.denied',
  'token.failed',
  'token.unknown',
  'token.revoked',
  'token.exposed',
  'token.rejected',
  'credential.created',
  'credential.changed',
  'credential.registered',
  'credential.retired',
  'credential.rotation_failed',
  'policy.activated',
  'suspension.raised',
  'suspension.lifted',
  'suspension.drilled',
  'catalogue.changed',
  'metadata.pinned',
  'metadata.changed',
  'metadata.approved',
  'client.checked',
  'key.created',
  'key.revoked',
  'work.retried',
  'work.given_up',
  'log.restored',
] as const;
export type EntryType = (typeof entryTypes)[number];

/** An entry as it is stored: its canonical text (RFC 8785; at most 65,535 bytes of UTF-8), and the columns by which it is found. */
export interface Entry {
  readonly id: string;
  readonly type: EntryType;
  readonly text: string;
  readonly columns: EntryColumns;
}

export interface EntryColumns {
  readonly run?: string;
  readonly workflow?: string;
  readonly client?: string;
  readonly resource?: string;
  readonly owner?: string;
  readonly issuance?: string;
  readonly decision?: string;
  /** SHA-256 of the token's text, hex. */
  readonly tokenSha256?: string;
  readonly tokenJti?: string;
}

/**
 * recorded: it is durable, and what it announces may happen.
 * duplicate: this id was there already, our own retry: as good as recorded.
 * stale: facts changed since the decision; load them and decide again.
 * run_over: the run or an ancestor has ended or expired by the database's clock, or its credential was replaced.
 * not_live: the release, or the outcome that shares a text, names an issuance that is not issued, was revoked, or has expired.
 * reused: the text of the token that came for a run is alive in an issuance of another isolation domain (of any, if the server reuses
 *   tokens): nothing was done, and the intent waits for another outcome.
 * counters_moved: history that the decision read is no longer so.
 * late: the outcome came after the intent got another one; its token must be revoked, and work for that is recorded. Or the
 *   revocation came after one that said the same, or that was confirmed. Or the work is done, or was given up before.
 * bad: this entry cannot be stored: too long, not canonical, a duplicate of another's unique key, of an issuance that is not there.
 */
export type Verdict = 'recorded' | 'duplicate' | 'stale' | 'run_over' | 'not_live' | 'reused' | 'counters_moved' | 'late' | 'bad';

/** The announcement of one attempt at an authorization server: opens an issuance. Durations in milliseconds. */
export interface Intent {
  readonly kind: 'intent';
  readonly issuance: string;
  readonly instance: string;
  /** After this long by the database's clock anyone may close it as unknown. */
  readonly deadlineIn: number;
  /** Null, as the workflow, for an attempt that is to prove a credential and whose token nobody gets. */
  readonly run: string | null;
  readonly workflow: string | null;
  readonly client: string;
  readonly clientId: string;
  readonly authorizationServer: string;
  readonly resource: string;
  readonly scope: readonly string[];
  readonly credential: string;
  readonly cacheKey: string;
  readonly isolation: 'run' | 'workflow';
  /** Ties the attempt to the server's own list; null for secrets. */
  readonly assertionJti: string | null;
  /** How long a token of this attempt may live at most, should its outcome stay unknown. */
  readonly longestLife: number;
}

/**
 * What became of an intent: exactly one for each. Times in milliseconds since 1970 on the database's line. A text that no run is to have
 * is kept to be revoked, unless it may be handed out from another issuance, with which it is revoked.
 */
export interface Outcome {
  readonly kind: 'outcome';
  readonly issuance: string;
  readonly state: 'issued' | 'refused' | 'failed' | 'unknown';
  /** Whatever text the server gave, to be revoked or served; null when none was seen. */
  readonly token: {
    readonly sha256: string;
    readonly jti: string | null;
    readonly sealed: Uint8Array;
    readonly issuedAt: number;
    readonly expiresAt: number;
    /** No release after this; the token is then revoked where the server can. */
    readonly servedUntil: number;
    readonly granted: readonly string[];
    /** Authorization details as canonical JSON; null for none. */
    readonly grantedDetails: string | null;
    readonly audience: readonly string[] | 'unverified';
    readonly binding: TokenBinding;
    /** Its server is known to return one text to several requests. */
    readonly reuses?: true;
  } | null;
  /** The live issuance that has the text already, with which it is shared from now on; without a token of its own. */
  readonly sharedWith?: string;
}

/** Hands a live issuance to a run. */
export interface Handover {
  readonly kind: 'release';
  readonly issuance: string;
}

/** What came of revoking a token. `revoked` is final and drops its text; `unsupported` leaves it to expire. */
export interface Revocation {
  readonly kind: 'revocation';
  readonly issuance: string;
  readonly state: 'revoked' | 'unsupported';
}

/**
 * A piece of work is tried no more, or anew and at once, with its attempts counted from nothing. `issuance` is the one that it is to revoke;
 * null where it is something else.
 */
export interface WorkChange {
  readonly kind: 'work';
  readonly work: string;
  readonly issuance: string | null;
  readonly state: 'given_up' | 'due';
}

/** An entry that rests on nothing which could have moved, and does nothing else. */
export function byItself(entry: Entry): Append {
  return { entry, epoch: null, run: null, effect: null, counters: [], decisionInput: null };
}

/** A count that the decision read, by key (`run:<id>` or `workflow:<id>@<date>`), with the version it had (0: no row yet). */
export interface CounterRead {
  readonly key: string;
  readonly version: number;
}

/** One entry with what it rests on and what it does; all of it happens, or nothing. */
export interface Append {
  readonly entry: Entry;
  /** The facts it rests on, or null when it records what has happened in any case. */
  readonly epoch: Epoch | null;
  /** The run that must be active, with the credential that it used; null when it need not be. */
  readonly run: { readonly id: string; readonly credential: string } | null;
  readonly effect: Intent | Outcome | Handover | Revocation | WorkChange | null;
  /** Read by the decision: compared by every effect, and raised by one by an intent; a failed outcome gives that back. */
  readonly counters: readonly CounterRead[];
  /** The input of a fresh decision, to be stored once by its digest. */
  readonly decisionInput: { readonly sha256: string; readonly sealed: Uint8Array } | null;
}

/** The verdict on one entry, and the database's clock (milliseconds since 1970) when it was given. */
export interface Appended {
  readonly verdict: Verdict;
  readonly at: number;
}

/** The store cannot be reached, or gave no conclusive answer in time: nothing may leave. */
export class LogUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LogUnavailable';
  }
}

/**
 * The record's writing end.
 *
 * append MUST NOT resolve before the entry and its effect survive a crash and a power failure.
 * Appends that are given together MUST get their verdicts in the order of the array, each seeing the effects of those before it.
 * Every Append of one call shares one flush; calls at the same time may share it too.
 * A bad entry MUST fail alone. After a lost connection it MUST read back by id, and reject with LogUnavailable when that is
 * not conclusive in time. It MUST NOT run inside anyone's transaction.
 */
export abstract class EntryLog {
  abstract append(items: readonly Append[]): Promise<readonly Appended[]>;
}
