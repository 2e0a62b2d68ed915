import { createHash } from 'node:crypto';

/** What an assertion is known by: the issuer, the client and the `jti` that it has of them. */
export type AssertionName = readonly [issuer: string, client: string, jti: string];

/** A use of an assertion. */
export interface AssertionUse {
  readonly sha256: string;
  /** Whom it is bound to, where it may be used again; null: it is used once. */
  readonly holder: string | null;
  /** Until when it is remembered at the least, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** As JSON, so that no two names run together into one text. */
export function useOf(name: AssertionName, expiresAt: number, holder: string | null = null): AssertionUse {
  return { sha256: createHash('sha256').update(JSON.stringify(name)).digest('hex'), holder, expiresAt };
}

/**
 * Single use of assertions (RFC 7523 §3 item 7; CONFORMANCE B33–B36).
 *
 * spend says whether an assertion is used for the first time. It MUST be one atomic step that all replicas share, so that of any
 * number of simultaneous uses exactly one gets true, that one also when the first answer to it was lost. It MUST NOT resolve before the
 * use would survive a crash, and MUST reject when the store cannot be reached: never a true without a row. A use is remembered until
 * `expiresAt` at the least. One that may be used again it binds to `holder` the first time, and gives true to that holder ever after;
 * both share one space: what was used once is bound to nobody. What starts a run is spent by RunStore.start, in this same space.
 *
 * forget removes a bounded number of uses that have expired and says how many: to be called now and then, again while it says any.
 */
export abstract class ReplayGuard {
  abstract spend(use: AssertionUse): Promise<boolean>;
  abstract forget(): Promise<number>;
}
