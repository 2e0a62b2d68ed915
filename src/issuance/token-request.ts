import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { ResourceIndicator } from '../oauth/resource-indicator.js';
import type { Scope } from '../oauth/scope.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';

/** What a request wants, whoever it is from. */
export interface Asked {
  readonly scope: Scope | null;
  readonly details: AuthorizationDetails;
  readonly resources: readonly ResourceIndicator[];
  /** W3C Trace Context, kept for the record. */
  readonly traceparent: string | null;
}

/** A client credentials request (RFC 6749 §4.4.2, RFC 8707 §2, RFC 9396 §2), well-formed but neither authenticated nor decided. */
export interface TokenRequest extends Asked {
  readonly clientAuthentication: ClientAuthentication;
  /** The peer's address, for throttling failed authentication. */
  readonly address: string;
}
