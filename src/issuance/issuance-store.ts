import type { TokenBinding } from '../oauth/token-binding.js';

/** For whom and with what an attempt was made. */
export interface Attempt {
  readonly issuance: string;
  /** Null, as the workflow, for an attempt that was to prove a credential. */
  readonly run: string | null;
  readonly workflow: string | null;
  readonly client: string;
  /** What the server knew the client by: the catalogue may say another one since. */
  readonly clientId: string;
  readonly authorizationServer: string;
  readonly resource: string;
  /** The credential's id. */
  readonly credential: string;
}

/** As entries name it: the run and its workflow, or nobody. */
export function whoOf({ run, workflow }: Attempt): { readonly run?: string; readonly workflow?: string } {
  return { ...(run === null ? {} : { run }), ...(workflow === null ? {} : { workflow }) };
}

/** An intent without an outcome. Times in milliseconds since 1970. */
export interface OpenIntent extends Attempt {
  readonly scope: readonly string[];
  readonly assertionJti: string | null;
  readonly instance: string;
  readonly openedAt: number;
  readonly deadline: number;
  /** Until when a token of it may live. */
  readonly exposedUntil: number;
}

/** An issuance that may be released, as it was recorded. Times in milliseconds since 1970. */
export interface LiveIssuance extends Attempt {
  readonly cacheKey: string;
  readonly isolation: 'run' | 'workflow';
  readonly sealed: Uint8Array;
  readonly tokenSha256: string;
  readonly tokenJti: string | null;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly servedUntil: number;
  readonly granted: readonly string[];
  /** As text; null for none. */
  readonly grantedDetails: string | null;
  readonly audience: readonly string[] | 'unverified';
  readonly binding: TokenBinding;
}

/** A token that is to be revoked. Times in milliseconds since 1970. */
export interface DueRevocation extends Attempt {
  readonly sealed: Uint8Array;
  readonly tokenSha256: string;
  readonly tokenJti: string | null;
  readonly expiresAt: number;
  /** How often it was tried, this time included. */
  readonly attempts: number;
}

export type WhichClients = { readonly only: string } | { readonly but: readonly string[] };

/** A token that has expired before its server had revoked it. Times in milliseconds since 1970. */
export interface ExpiredRevocation extends Attempt {
  readonly tokenSha256: string;
  readonly expiresAt: number;
  readonly attempts: number;
  readonly lastError: string | null;
}

/**
 * The issuances beside the log, for whoever takes up what was left. What came of an intent or of a revocation is written with its
 * entry alone (EntryLog, effects `outcome` and `revocation`). All may be called by several replicas at once.
 *
 * openPastDeadline lists intents that anyone may close as unknown, but for those that wait for their next attempt or were given up;
 * openOfEarlierInstances those of all instances but this one; the oldest first. live lists issuances that may be released; liveOfText
 * gives the one that has this text, by its SHA-256 in hex.
 * takeDueRevocations gives each row to one caller; one that is not reported on comes again after `againIn` milliseconds. It takes those
 * of the clients (by id) that are asked for, all of them unless it is said.
 * withdrawServed makes tokens that may be served no longer, and still live, due for revocation. expiredUnrevoked lists those that have
 * expired meanwhile, until that is recorded (effect `revocation`). wipeDead forgets the texts of all other dead ones.
 */
export abstract class IssuanceStore {
  abstract openPastDeadline(limit: number): Promise<readonly OpenIntent[]>;
  abstract openOfEarlierInstances(instance: string): Promise<readonly OpenIntent[]>;
  abstract live(limit: number, cacheKey?: string | null): Promise<readonly LiveIssuance[]>;
  abstract liveOfText(sha256: string): Promise<LiveIssuance | null>;
  abstract takeDueRevocations(limit: number, againIn: number, clients?: WhichClients): Promise<readonly DueRevocation[]>;
  abstract withdrawServed(limit: number): Promise<readonly string[]>;
  abstract expiredUnrevoked(limit: number): Promise<readonly ExpiredRevocation[]>;
  abstract wipeDead(limit: number): Promise<number>;
}
