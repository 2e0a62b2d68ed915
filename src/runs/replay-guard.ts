/**
 * Single use of assertions (RFC 7523 §3 item 7; CONFORMANCE B33–B36).
 *
 * consume says whether this `jti` is used for the first time by this client under this issuer. It MUST be one atomic step that
 * all replicas share, so that of any number of simultaneous uses exactly one gets true. It MUST NOT resolve before the use would
 * survive a crash, and MUST reject when the store cannot be reached: never a true without a row. A use is remembered until
 * `expiresAt` (milliseconds since 1970) at the least.
 *
 * bind is for assertions that may be used again: it says whether this `jti` was never used before, and binds it to `holder`, or is
 * bound to that holder already. The same MUSTs hold, and both share one space: what was consumed is bound to nobody.
 *
 * forget removes a bounded number of uses that have expired and says how many: to be called now and then, again while it says any.
 */
export abstract class ReplayGuard {
  abstract consume(issuer: string, client: string, jti: string, expiresAt: number): Promise<boolean>;
  abstract bind(issuer: string, client: string, jti: string, holder: string, expiresAt: number): Promise<boolean>;
  abstract forget(): Promise<number>;
}
