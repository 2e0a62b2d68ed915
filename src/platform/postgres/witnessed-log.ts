import { EntryLog, type Append, type Appended } from '../../attribution/entry-log.js';
import type { LastSeen } from './last-seen.js';

/** A log that remembers which entry it recorded last, so that a database which has lost it is known. */
export class WitnessedLog extends EntryLog {
  constructor(
    private readonly log: EntryLog,
    private readonly lastSeen: LastSeen,
  ) {
    super();
  }

  async append(items: readonly Append[]): Promise<readonly Appended[]> {
    const appended = await this.log.append(items);
    const recorded = items.findLast((_, index) => appended[index]?.verdict === 'recorded');
    if (recorded !== undefined) this.lastSeen.noteEntry(recorded.entry.id);
    return appended;
  }
}
