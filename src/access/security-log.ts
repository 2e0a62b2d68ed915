/**
 * What is noted when nobody could be authenticated, or somebody was turned away: never a secret, and of the request no text but names of
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

/** What an administrator does, named as the entry that records it where that says enough. */
export type AdministrativeAction =
  | 'key.created'
  | 'key.revoked'
  | 'catalogue.changed'
  | 'policy.activated'
  | 'suspension.raised'
  | 'suspension.lifted'
  | 'suspension.drilled'
  | 'metadata.approved'
  | 'rotation.begun'
  | 'rotation.registered'
  | 'rotation.cancelled'
  | 'client.checked'
  | 'run.ended'
  | 'work.retried'
  | 'work.given_up';

/** What is noted once an administrator has changed something, and the change is durable: who did what, from where, and where it stands. */
export interface Administered {
  readonly event: 'administered';
  readonly action: AdministrativeAction;
  /** The name of whoever did it, and the id of the key that it was done with. */
  readonly by: string;
  readonly key: string | null;
  /** null: not over the network. */
  readonly address: string | null;
  /** The id of what was changed; no name of a person. */
  readonly subject: string | null;
  readonly entry: string | null;
}

/** write MUST NOT throw and MUST NOT delay the answer. */
export abstract class SecurityLog {
  abstract write(event: SecurityEvent | Administered): void;
}
