import canonicalize from 'canonicalize';
import type { Clock } from '../oauth/clock.js';
import { timestamp } from '../oauth/clock.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import type { Entry, EntryColumns, EntryType } from './entry-log.js';
import { printEpoch, type Epoch } from './epoch.js';

/** What may stand in an entry. A member that is undefined is left out. */
export type EntryValue = string | number | boolean | null | readonly EntryValue[] | EntryMembers;
export interface EntryMembers {
  readonly [member: string]: EntryValue | undefined;
}

/** Entries are at most this long, in bytes (DESIGN §7). */
export const maxEntryLength = 65_535;

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

  make(type: EntryType, epoch: Epoch, members: EntryMembers, columns: EntryColumns = {}): Entry {
    const now = this.clock.now();
    const id = newIdentifier('ent', now, this.randomness);
    const nonce = Buffer.from(this.randomness.bytes(16)).toString('base64url');
    const text = canonicalize({
      version: 1,
      id,
      nonce,
      type,
      time: timestamp(now),
      instance: this.instance,
      epoch: printEpoch(epoch),
      ...members,
    });
    if (text === undefined) throw new TypeError('an entry cannot be written as JSON');
    return { id, type, bytes: Buffer.from(text), columns };
  }
}
