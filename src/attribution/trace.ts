import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { EntryType } from './entry-log.js';

/** Any end from which the story can be picked up. `tokenSha256` is hex. */
export type TraceQuery =
  | { readonly by: 'tokenSha256'; readonly value: string }
  | { readonly by: 'jti'; readonly value: string }
  | { readonly by: 'entry'; readonly value: string }
  | { readonly by: 'run'; readonly value: string }
  | { readonly by: 'issuance'; readonly value: string }
  | { readonly by: 'decision'; readonly value: string };

/**
 * Who, why and under which policy. What has no part in the story, or is not known, is null. Asked by run, `entry`,
 * `token`, `decision`, `client` and `releases` are null and `issuances` tells. All times in milliseconds since 1970.
 */
export interface Trace {
  /** The entry that answers best: the one asked for, else the first release, else the last word on the token. */
  readonly entry: TracedEntry | null;
  readonly token: TracedToken | null;
  readonly run: TracedRun | null;
  readonly decision: TracedDecision | null;
  readonly client: TracedClient | null;
  /** Every release of this token. */
  readonly releases: { readonly inThisRun: Releases; readonly inOtherRuns: Releases } | null;
  /** Asked by run: what it obtained or was given; the newest first, at most 100. Else empty. */
  readonly issuances: readonly TracedToken[];
  /** The other entries of the issuance and of the run, the oldest first. */
  readonly entries: readonly TracedEntry[];
  /** Whether there is more than is listed here. */
  readonly more: boolean;
}

export interface TracedEntry {
  readonly id: string;
  readonly type: EntryType;
  readonly recordedAt: number;
}

export interface TracedToken {
  readonly issuance: string;
  readonly state: 'open' | 'issued' | 'refused' | 'failed' | 'unknown';
  /** Hex; null where no text was seen. */
  readonly sha256: string | null;
  readonly jti: string | null;
  /** As asked of the authorization server. */
  readonly scope: readonly string[];
  readonly granted: readonly string[];
  readonly grantedDetails: AuthorizationDetails;
  readonly resource: { readonly id: string; readonly uri: string | null };
  readonly audience: readonly string[] | 'unverified' | null;
  readonly openedAt: number;
  readonly expiresAt: number | null;
  readonly servedUntil: number | null;
  /** How long a token can live whose outcome is not known. */
  readonly exposedUntil: number;
  readonly revocation: 'pending' | 'given_up' | 'revoked' | 'unsupported' | null;
  /** Whether the resource may still accept it, as far as is known: neither expired nor confirmed revoked. */
  readonly live: boolean;
}

export interface TracedRun {
  readonly id: string;
  readonly runtime: string;
  readonly workflow: string;
  readonly purpose: string;
  /** Of the workflow, when it was recorded. */
  readonly owner: string | null;
  /** `name` is null once it was erased. */
  readonly operator: { readonly commitment: string; readonly name: string | null } | null;
  readonly agent: { readonly name: string; readonly version: string; readonly model: string };
  /** The nearest first. */
  readonly ancestors: readonly string[];
  readonly startedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

export interface TracedDecision {
  readonly id: string;
  readonly by: string;
  readonly allow: boolean;
  readonly revision: string | null;
  readonly inputSha256: string | null;
  readonly reasons: readonly { readonly code: string; readonly [member: string]: unknown }[];
  readonly obligations: Readonly<Record<string, unknown>>;
}

export interface TracedClient {
  /** Its name in the catalogue. */
  readonly id: string | null;
  readonly clientId: string;
  readonly issuer: string | null;
  readonly method: string | null;
  readonly credential: { readonly id: string; readonly kid: string | null } | null;
}

/** `entries` are identifiers, the newest first, at most 100 of `count`. */
export interface Releases {
  readonly count: number;
  readonly entries: readonly string[];
}

/** Tells the story of one token, entry, run, issuance or decision; null when there is nothing of it. */
export abstract class Tracing {
  abstract trace(query: TraceQuery): Promise<Trace | null>;
}
