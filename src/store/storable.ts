import { maxEntryLength } from '../attribution/entry.js';
import type { Append, EntryColumns, Outcome } from '../attribution/entry-log.js';
import { isStorableText } from '../attribution/storable-text.js';

const IDENTIFIER = /^[0-9A-Za-z]{1,64}$/;

/** Whether an append can be written down at all. What only the database can tell, such as a key that is taken, it tells later. */
export function isStorable({ entry, epoch, run, effect }: Append): boolean {
  return (
    IDENTIFIER.test(entry.id) &&
    isCanonicalText(entry.text) &&
    areStorable(entry.columns) &&
    (epoch === null || isName(epoch.incarnation)) &&
    // an empty text would stand for "nothing to compare"
    (run === null || (isName(run.id) && isName(run.credential))) &&
    (effect === null || isName(effect.kind === 'work' ? effect.work : effect.issuance)) &&
    (effect?.kind !== 'outcome' || isWhole(effect))
  );
}

/** Canonical JSON (RFC 8785) has no control character and no half of a surrogate pair: they are escaped. */
function isCanonicalText(text: string): boolean {
  return text !== '' && isStorableText(text) && Buffer.byteLength(text) <= maxEntryLength;
}

/** Columns that were found storable: the releases of one decision share them. */
const known = new WeakSet<EntryColumns>();

function areStorable(columns: EntryColumns): boolean {
  if (known.has(columns)) return true;
  const storable = Object.values(columns).every((column) => column === undefined || isStorableText(String(column)));
  if (storable) known.add(columns);
  return storable;
}

function isName(text: string): boolean {
  return text !== '' && isStorableText(text);
}

function isWhole({ state, token, sharedWith }: Outcome): boolean {
  if (token === null) return sharedWith === undefined ? state !== 'issued' : isName(sharedWith);
  return [token.issuedAt, token.expiresAt, token.servedUntil].every(Number.isFinite) && token.sha256 !== '';
}
