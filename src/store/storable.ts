import { isUtf8 } from 'node:buffer';
import { maxEntryLength } from '../attribution/entry.js';
import type { Append, Outcome } from '../attribution/entry-log.js';
import { isStorableText } from '../attribution/storable-text.js';

const IDENTIFIER = /^[0-9A-Za-z]{1,64}$/;

/** Whether an append can be written down at all. What only the database can tell, such as a key that is taken, it tells later. */
export function isStorable({ entry, epoch, run, effect }: Append): boolean {
  return (
    IDENTIFIER.test(entry.id) &&
    isCanonicalText(entry.bytes) &&
    Object.values(entry.columns).every((column) => column === undefined || isStorableText(String(column))) &&
    (epoch === null || isName(epoch.incarnation)) &&
    // an empty text would stand for "nothing to compare"
    (run === null || (isName(run.id) && isName(run.credential))) &&
    (effect === null || isName(effect.issuance)) &&
    (effect?.kind !== 'outcome' || isWhole(effect))
  );
}

/** Canonical JSON (RFC 8785) is UTF-8 and holds no control character: they are escaped. */
function isCanonicalText(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length <= maxEntryLength && isUtf8(bytes) && !bytes.includes(0) && !bytes.includes(0x1f);
}

function isName(text: string): boolean {
  return text !== '' && isStorableText(text);
}

function isWhole({ state, token, sharedWith }: Outcome): boolean {
  if (token === null) return sharedWith === undefined ? state !== 'issued' : isName(sharedWith);
  return [token.issuedAt, token.expiresAt, token.servedUntil].every(Number.isFinite) && token.sha256 !== '';
}
