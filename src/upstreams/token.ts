import type { AuthorizationServer, Client, Resource } from '../catalogue/catalogue.js';
import type { Credential } from '../credentials/credential.js';
import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Scope } from '../oauth/scope.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenBinding } from '../oauth/token-binding.js';
import type { ProofKey } from './proofs-of-possession.js';
import type { SaidOfToken } from './said-of-token.js';

/** What is wanted of an authorization server: one resource, these scopes and details (none of one kind, perhaps), as this client with this credential. */
export interface TokenWish {
  readonly server: AuthorizationServer;
  readonly client: Client;
  readonly credential: Credential;
  readonly resource: Resource;
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
  /** What the token is to be bound to (RFC 9449); absent for a bearer token. */
  readonly proofKey?: ProofKey;
}

/** A token as the server gave it and as far as it could be understood. Times in milliseconds since 1970. */
export interface UpstreamToken {
  readonly text: Secret;
  /** SHA-256 of the text, hex. */
  readonly sha256: string;
  /** As what it was asked for, and is used. */
  readonly type: 'Bearer' | 'DPoP';
  /** As far as it could be learned: see `learnBinding`. */
  readonly binding: TokenBinding;
  readonly jti: string | null;
  /** When the request was sent: its life counts from there (CONFORMANCE A53). */
  readonly issuedAt: number;
  /** The longest that it may live, so that exposure is never understated: the client's longest life where nobody says. */
  readonly expiresAt: number;
  /** No use after this: the earliest end that anyone names, or the profile's default, less a margin for clocks. */
  readonly usableUntil: number;
  readonly granted: Scope;
  readonly grantedDetails: AuthorizationDetails;
  /** What could be learned of the audience. */
  readonly audience: readonly string[] | 'unverified';
  /** Absent of a token that was kept, and of one in an answer that could not be read. */
  readonly said?: SaidOfToken;
}

/** A typed reason why there is no usable token, stable and without any text of the server's. */
export type UpstreamFault =
  // the exchange
  | 'unreachable'
  | 'address_refused'
  | 'tls_failed'
  | 'timeout'
  | 'redirect'
  | 'response_too_large'
  | 'response_unreadable'
  | 'overloaded'
  // what the server said
  | 'server_unavailable'
  | 'throttled'
  | 'client_refused'
  | 'scope_rejected'
  | 'target_rejected'
  | 'details_rejected'
  | 'request_rejected'
  | 'nonce_required'
  // what it issued
  | 'scope_broader'
  | 'scope_unusable'
  | 'details_broader'
  | 'details_unusable'
  | 'audience_mismatch'
  | 'issuer_mismatch'
  | 'client_mismatch'
  | 'token_type_unusable'
  | 'binding_mismatch'
  | 'binding_unasked'
  | 'token_unusable'
  | 'lifetime_unusable'
  | 'token_reused'
  | 'audience_unverified'
  // before anything was sent
  | 'metadata_unavailable'
  | 'metadata_invalid'
  | 'algorithm_unsupported'
  | 'details_type_unsupported'
  | 'credential_unavailable'
  | 'credential_bound_elsewhere';

/**
 * What one attempt brought.
 * token: usable. refused: a token was issued that must not be used; `token` is there to be revoked where its text could be read.
 * failed: no token was issued. unknown: it may have been (CONFORMANCE A61). `retryAfter` in seconds, when the server said so.
 */
export type UpstreamOutcome =
  | { readonly kind: 'token'; readonly token: UpstreamToken }
  | { readonly kind: 'refused'; readonly fault: UpstreamFault; readonly token: UpstreamToken | null }
  | { readonly kind: 'failed'; readonly fault: UpstreamFault; readonly retryAfter: number | null }
  | { readonly kind: 'unknown'; readonly fault: UpstreamFault; readonly retryAfter: number | null };
