import type { TokenBinding } from '../oauth/token-binding.js';
import type { SuspensionKind } from './suspension.js';

export type ExposedState = 'open' | 'issued' | 'refused' | 'failed' | 'unknown';

/**
 * A token that may still work, or an attempt whose token may: what a suspension cannot take back by itself.
 * `expiresAt` (milliseconds since 1970) is the token's end, or the latest that it can have where its outcome is not known.
 */
interface Exposed {
  readonly issuance: string;
  readonly state: ExposedState;
  /** Null, as the workflow, where it was to prove a credential and nobody gets it. */
  readonly run: string | null;
  readonly workflow: string | null;
  readonly client: string;
  readonly resource: string;
  readonly authorizationServer: string;
  readonly expiresAt: number;
}

export interface LiveToken extends Exposed {
  readonly isolation: 'run' | 'workflow';
  /** null while it may still be released; given_up where its server was asked in vain; unsupported where the server cannot revoke. */
  readonly revocation: 'pending' | 'given_up' | 'unsupported' | null;
  readonly audience: readonly string[] | 'unverified';
  /** null where no token was seen yet. */
  readonly binding: TokenBinding | null;
  /** How often it was handed to a run; it is counted as far as `mostReleasesCounted`. */
  readonly released: number;
}

/** Where one stands in the list of those that are live. */
export type LivePlace = Pick<LiveToken, 'expiresAt' | 'issuance'>;

export const mostReleasesCounted = 1000;

export const fates = ['revoked', 'pending', 'given_up', 'unsupported', 'expired', 'never_issued'] as const;
/**
 * What became of a token that a suspension exposed. revoked: its server says so. pending: the server is asked until it does.
 * given_up: the server is asked no more, and the token lives until it expires. unsupported: it cannot be revoked and lives until it expires, and so may one whose text was never seen. expired: dead by itself.
 * never_issued: nothing came of the attempt.
 */
export type Fate = (typeof fates)[number];

/** Times in milliseconds since 1970. `lastError` is what the server answered to the last attempt at revoking it. */
export interface ExposedToken extends Exposed {
  readonly fate: Fate;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly nextAttemptAt: number | null;
  readonly revokedAt: number | null;
}

/** How many tokens had which fate, and until when the last that may still work lives; null when none does. */
export interface ExposureSummary {
  readonly fates: Readonly<Record<Fate, number>>;
  readonly liveUntil: number | null;
  /** Whether that is all: of very many, those that are found later are counted as they are withdrawn. */
  readonly complete: boolean;
}

/** What a suspension exposed: all of it counted, and a page of it token by token. */
export interface SuspensionExposure {
  readonly summary: ExposureSummary;
  readonly tokens: readonly ExposedToken[];
}

/**
 * Where exposure is looked up.
 *
 * live lists what a suspension of this kind and target would cover and that was not confirmed revoked, the longest-lived first and after
 * the one given.
 * What runs hold includes what their descendants hold, and shared tokens that any of them holds.
 * ofSuspension counts what a suspension exposed when it was raised, whatever became of it, and lists it by issuance and after the one given.
 * activeRuns counts the runs that it would cover now and that are not over.
 */
export abstract class ExposureList {
  abstract live(kind: SuspensionKind, target: string | null, limit: number, after?: LivePlace): Promise<readonly LiveToken[]>;
  abstract ofSuspension(suspension: string, after: string, limit: number): Promise<SuspensionExposure>;
  abstract activeRuns(kind: SuspensionKind, target: string | null): Promise<number>;
}
