import type { DueRevocation } from './issuance-store.js';

/** An issuance that may be released no more. Times in milliseconds since 1970. */
export interface WithdrawnToken {
  readonly issuance: string;
  readonly cacheKey: string;
  /** Until when the text may work at its authorization server if it is not revoked there. */
  readonly expiresAt: number;
  readonly revocation: 'pending' | 'given_up' | 'revoked' | 'unsupported';
  /** What is still to be done at its authorization server; null when nothing is. */
  readonly due: DueRevocation | null;
}

/**
 * unknown: no such token lives. foreign: it does, and was never given to this run; nothing has changed.
 * withdrawn: it is not live any more, for anybody. One text may lie in several issuances, where a server gave it twice.
 */
export type Withdrawal =
  { readonly kind: 'unknown' } | { readonly kind: 'foreign' } | { readonly kind: 'withdrawn'; readonly tokens: readonly WithdrawnToken[] };

/** Who asks about a token: a run that was given it, or the server of a resource (by id). */
export type Asker = { readonly run: string } | { readonly resource: string };

/** A token that may be used now, as it was recorded. Times in milliseconds since 1970. */
export interface LiveGivenToken {
  readonly issuance: string;
  /** The run that it was made for; where runs share it, one of them. */
  readonly run: string;
  readonly purpose: string;
  readonly workflow: string;
  readonly isolation: 'run' | 'workflow';
  readonly client: string;
  /** What the server knew the client by. */
  readonly clientId: string;
  readonly authorizationServer: string;
  readonly resource: string;
  readonly jti: string | null;
  readonly granted: readonly string[];
  /** As text; null for none. */
  readonly grantedDetails: string | null;
  readonly audience: readonly string[] | 'unverified';
  readonly issuedAt: number;
  /** From then on it is not live. */
  readonly servedUntil: number;
}

/**
 * Tokens as whoever was given them knows them: by their text, of which the store sees the SHA-256 (hex).
 *
 * live MUST be no older than the call: a token that was withdrawn, or whose runs have all ended or expired, on whichever replica, is
 * null, as is one that is not the asker's business. It MUST do the same work for each of these.
 *
 * withdraw MUST be one atomic step, MUST NOT resolve before it survives a crash, and may be repeated. When it has resolved no release
 * of the token that begins later can be recorded. What is due is this caller's to do; if it is not reported on it comes to
 * another after `againIn` milliseconds.
 */
export abstract class GivenTokens {
  abstract live(sha256: string, asker: Asker): Promise<LiveGivenToken | null>;
  abstract withdraw(sha256: string, run: string, againIn: number): Promise<Withdrawal>;
}
