/**
 * What is noted when nobody could be authenticated, or an administrator acted: never a secret, and of the request no text but names of
 * hosts that an administrator allows.
 */
export interface SecurityEvent {
  readonly event: 'authentication_failed' | 'throttled' | 'malformed_request' | 'access_refused' | 'foreign_token' | 'hosts_allowed';
  readonly surface: 'token' | 'revocation' | 'introspection' | 'api';
  /** The identifier that was claimed, when it has the shape of one. */
  readonly subject: string | null;
  readonly address: string;
  readonly detail: string;
}

/** write MUST NOT throw and MUST NOT delay the answer. */
export abstract class SecurityLog {
  abstract write(event: SecurityEvent): void;
}
