/** An attempt whose outcome nobody has reported. Times in milliseconds since 1970. */
export interface OpenIntent {
  readonly issuance: string;
  readonly run: string;
  readonly workflow: string;
  readonly client: string;
  readonly resource: string;
  readonly assertionJti: string | null;
  readonly openedAt: number;
  readonly exposedUntil: number;
}

/** A token that is to be revoked, with its sealed text. `attempts` counts those that failed. */
export interface DueRevocation {
  readonly issuance: string;
  readonly run: string;
  readonly workflow: string;
  readonly client: string;
  readonly resource: string;
  readonly authorizationServer: string;
  readonly tokenSha256: string;
  readonly sealed: Uint8Array;
  readonly expiresAt: number;
  readonly attempts: number;
}

/**
 * Issuances beside the log: what is open, due or live.
 *
 * overdueIntents lists open ones past their deadline by the database's clock, openIntents every open one; the oldest first.
 * withdrawServed marks issued tokens that may be served no more but still live, each with work to revoke it.
 * dueRevocations lists work that is due, of tokens that still live; retryRevocation puts it off by seconds and notes why.
 * forgetDead erases the sealed text of tokens that are dead, and ends their work.
 * All are bounded by `limit`.
 */
export abstract class IssuanceStore {
  abstract overdueIntents(limit: number): Promise<readonly OpenIntent[]>;
  abstract openIntents(limit: number): Promise<readonly OpenIntent[]>;
  abstract withdrawServed(limit: number): Promise<number>;
  abstract dueRevocations(limit: number): Promise<readonly DueRevocation[]>;
  abstract retryRevocation(issuance: string, pause: number, fault: string): Promise<void>;
  abstract forgetDead(limit: number): Promise<number>;
}
