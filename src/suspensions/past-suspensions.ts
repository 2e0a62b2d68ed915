import type { Suspension } from './suspension.js';

/** A suspension with what is known of it later: the epoch from which it held, as it is printed, and who lifted it. */
export interface KnownSuspension extends Suspension {
  readonly epoch: string;
  readonly liftedBy: string | null;
}

/** Where every suspension is kept, also when it is lifted or past its expiry. all lists the latest first. */
export abstract class PastSuspensions {
  abstract find(id: string): Promise<KnownSuspension | null>;
  abstract all(limit: number): Promise<readonly KnownSuspension[]>;
}
