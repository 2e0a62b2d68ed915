import type { Epoch } from './epoch.js';

/**
 * Who remembers what the database has acknowledged, so that one which has lost it is known (DESIGN §7 "Restore and failover"). Both MUST
 * return at once, and are called before anybody is answered.
 */
export interface Witness {
  noteEpoch(epoch: Epoch): void;
  noteEntry(id: string): void;
}
