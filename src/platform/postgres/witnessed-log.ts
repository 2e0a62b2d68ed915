import { EntryLog, type Append, type Appended } from '../../attribution/entry-log.js';
import type { Witness } from '../../attribution/witness.js';

/** A log that remembers which entry it recorded last, so that a database which has lost it is known. */
export class WitnessedLog extends EntryLog {
  constructor(
    private readonly log: EntryLog,
    private readonly witness: Witness,
  ) {
    super();
  }

  async append(items: readonly Append[]): Promise<readonly Appended[]> {
    const appended = await this.log.append(items);
    const recorded = items.findLast((_, index) => appended[index]?.verdict === 'recorded');
    if (recorded !== undefined) this.witness.noteEntry(recorded.entry.id);
    return appended;
  }
}
