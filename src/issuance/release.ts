import type { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Scope } from '../oauth/scope.js';
import type { Secret } from '../oauth/secret.js';

/** A recorded release: what the run is handed. */
export interface Release {
  readonly accessToken: Secret;
  readonly tokenType: 'Bearer';
  /** Whole seconds, at least 1: what is left of the token, of its release and of the run, whichever is least. */
  readonly expiresIn: number;
  readonly scope: Scope;
  readonly details: AuthorizationDetails;
  /** The entry that records it. */
  readonly attribution: string;
}
