import type { Clock } from '../oauth/clock.js';
import { timestamp } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import { CanonicalMembers, type EntryMembers } from './canonical-members.js';
import type { Entry, EntryColumns, EntryType } from './entry-log.js';
import { printEpoch, type Epoch } from './epoch.js';

export type { EntryMembers, EntryValue } from './canonical-members.js';

/** Entries are at most this long, in bytes of UTF-8 (DESIGN §7). */
export const maxEntryLength = 65_535;

/** What every entry says in its own words. */
const OWN = ['epoch', 'id', 'instance', 'nonce', 'time', 'type', 'version'];

/**
 * Makes entries: canonical JSON (RFC 8785) with an id made here, a random nonce, the database's time as this replica knows it,
 * and the epoch of the facts that it rests on. What stands in them is chosen member by member where they are made, from an
 * allow-list; nothing is taken over whole.
 */
export class EntryMaker {
  constructor(
    private readonly instance: string,
    private readonly clock: Clock,
    private readonly randomness: Randomness,
  ) {}

  make(type: EntryType, epoch: Epoch, members: EntryMembers | CanonicalMembers, columns: EntryColumns = {}): Entry {
    const now = this.clock.now();
    const id = newIdentifier('ent', now, this.randomness);
    const nonce = Buffer.from(this.randomness.bytes(16)).toString('base64url');
    const written = members instanceof CanonicalMembers ? members : CanonicalMembers.of(members);
    const own = [printEpoch(epoch), id, this.instance, nonce, timestamp(now), type, 1].map((value) => JSON.stringify(value));
    let text = '';
    for (const [place, before] of written.textAround(OWN).entries()) text += before + (place < own.length ? own[place] : '');
    return { id, type, text, columns };
  }
}
