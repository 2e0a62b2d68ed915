import { createHash } from 'node:crypto';
import type { TraceQuery } from './trace.js';

const IDENTIFIER = /\b(run|ent|iss|dec)[0-9a-hjkmnp-tv-z]{26}\b/g;
const BY_PREFIX = { run: 'run', ent: 'entry', iss: 'issuance', dec: 'decision' } as const;
const HEX_DIGEST = /\b[0-9a-f]{64}\b/gi;
const JWT = /\b[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g;
const WORD = /[^\s"'`,;<>(){}[\]=]+/g;
/** Nothing that was recorded has them, and no database takes NUL in a text. */
const CONTROL = /\p{Cc}/u;
const MAX_CANDIDATES = 24;

/**
 * What a text may mean to an auditor, the likeliest first: an identifier, a token's hash in hex or base64url, a token, a jti,
 * or a log line that holds one of these. A token becomes its hash here and nowhere later.
 */
export function traceCandidates(text: string): readonly TraceQuery[] {
  const whole = text.trim();
  if (whole === '') return [];
  const candidates: TraceQuery[] = [];
  for (const [id] of whole.matchAll(IDENTIFIER)) {
    const prefix = id.slice(0, 3);
    if (prefix === 'run' || prefix === 'ent' || prefix === 'iss' || prefix === 'dec') candidates.push({ by: BY_PREFIX[prefix], value: id });
  }
  for (const [digest] of whole.matchAll(HEX_DIGEST)) candidates.push({ by: 'tokenSha256', value: digest.toLowerCase() });
  for (const [jwt] of whole.matchAll(JWT)) candidates.push(hashOf(jwt));
  // a line of JSON need not have a space
  const words = (whole.match(WORD) ?? []).filter((word) => word.length >= 16 && word !== whole);
  for (const word of /\s/.test(whole) ? words : [whole, ...words]) candidates.push(...meaningsOf(word));
  return candidates.slice(0, MAX_CANDIDATES);
}

function meaningsOf(word: string): TraceQuery[] {
  const meanings: TraceQuery[] = [hashOf(word)];
  const digest = /^[A-Za-z0-9_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64url') : null;
  if (digest?.length === 32) meanings.unshift({ by: 'tokenSha256', value: digest.toString('hex') });
  if (word.length <= 128 && !word.includes('.') && !CONTROL.test(word)) meanings.push({ by: 'jti', value: word });
  return meanings;
}

function hashOf(token: string): TraceQuery {
  return { by: 'tokenSha256', value: createHash('sha256').update(token).digest('hex') };
}
