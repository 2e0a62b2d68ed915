import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TraceQuery } from './trace.js';

const IDENTIFIER = /\b(?:run|ent|iss|dec)[0-9a-hjkmnp-tv-z]{26}\b/g;
const BY_PREFIX = { run: 'run', ent: 'entry', iss: 'issuance', dec: 'decision' } as const;
/** Not the end of something longer: that would be part of a token. */
const HEX_DIGEST = /(?<![\w.~+/-])[0-9a-f]{64}(?![\w~+/-]|\.\w)/gi;
const SHORT_DIGEST = /^[A-Za-z0-9_-]{43}$/;
const JWT = /\b[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g;
const WORD = /[^\s"'`,;<>(){}[\]=]+/g;
/** What stands in an Authorization header is a token, whatever it looks like (RFC 6750, RFC 9449). */
const PRESENTED = /\b(?:Bearer|DPoP)\s+([^\s"'`,;<>(){}[\]\\]+)/gi;
/** jti=…, jti: '…', "jti":"…", and the last once more in a text within JSON. */
const NAMED_JTI = /(?<![A-Za-z0-9])jti\\?["']?\s*[:=]\s*(?:\\"([^"\\]+)\\"|"((?:[^"\\]|\\.)+)"|'([^']+)'|([^\s"'`,;<>(){}[\]&\\]+))/gi;
/** Nothing that was recorded has them, and no database takes NUL in a text. */
const CONTROL = /\p{Cc}/u;
const MAX_CANDIDATES = 24;

/**
 * What a text may mean to an auditor, the likeliest first: an identifier, a token's hash in hex or base64url, a token, a jti,
 * or a log line that holds one of these. A token becomes its hash here and nowhere later.
 */
export function traceCandidates(text: string): readonly TraceQuery[] {
  return candidatesOf(text, (word) => (isJti(word) ? [hashOf(word), { by: 'jti', value: word }] : [hashOf(word)]));
}

/**
 * The same without what may be a token in clear, for a text that has not left its owner: a jti is one only where the text says so. A text
 * that looks like a hash is looked up as a token first.
 */
export function candidatesToSend(text: string): readonly TraceQuery[] {
  return candidatesOf(text, (word) => [hashOf(word)]);
}

/** Of a text that is a token or holds one, and is nothing else. */
export function tokenCandidates(text: string): readonly TraceQuery[] {
  const whole = text.trim();
  if (whole === '') return [];
  return theFirst([whole, ...matches(whole, PRESENTED), ...matches(whole, JWT), ...wordsOf(whole)].map(hashOf));
}

/** Of a text that is a jti. */
export function jtiCandidates(text: string): readonly TraceQuery[] {
  const value = text.trim();
  return value === '' ? [] : [{ by: 'jti', value }];
}

/** Whether a JWT stands in it, which no jti is. */
export function holdsJwt(text: string): boolean {
  return matches(text, JWT).length > 0;
}

function candidatesOf(text: string, meaningsOf: (word: string) => TraceQuery[]): readonly TraceQuery[] {
  const whole = text.trim();
  if (whole === '') return [];
  const rest = whole.replace(PRESENTED, ' ');
  return theFirst([
    ...identifiersIn(whole),
    ...[...matches(whole, PRESENTED), ...matches(rest, JWT)].map(hashOf),
    ...matches(rest, HEX_DIGEST).flatMap((digest) => [hashOf(digest), digestOf(Buffer.from(digest, 'hex'))]),
    ...namedJtis(rest).map((value) => ({ by: 'jti', value }) as const),
    ...wordsOf(rest).flatMap((word) => [
      ...meaningsOf(word),
      ...(SHORT_DIGEST.test(word) ? [digestOf(Buffer.from(word, 'base64url'))] : []),
    ]),
  ]);
}

function identifiersIn(text: string): TraceQuery[] {
  return matches(text, IDENTIFIER).flatMap((id) => {
    const prefix = id.slice(0, 3);
    return prefix === 'run' || prefix === 'ent' || prefix === 'iss' || prefix === 'dec' ? [{ by: BY_PREFIX[prefix], value: id }] : [];
  });
}

function namedJtis(text: string): readonly string[] {
  const values = [...text.matchAll(NAMED_JTI)].map(([, within, json, quoted, bare]) => within ?? unescaped(json) ?? quoted ?? bare ?? '');
  return values.filter((value) => value !== '' && !CONTROL.test(value) && !holdsJwt(value));
}

function unescaped(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  try {
    return z.string().parse(JSON.parse(`"${json}"`));
  } catch {
    return json; // quoted, and no JSON
  }
}

/** A text without a space may itself be what is meant, and a line of JSON need not have a space. */
function wordsOf(text: string): readonly string[] {
  const whole = text.trim();
  const words = matches(whole, WORD).filter((word) => word.length >= 16 && word !== whole);
  return whole === '' || /\s/.test(whole) ? words : [whole, ...words];
}

function isJti(word: string): boolean {
  return word.length <= 128 && !word.includes('.') && !CONTROL.test(word);
}

/** The groups of a pattern that has one, else the whole matches. */
function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([whole, group]) => group ?? whole);
}

function theFirst(candidates: readonly TraceQuery[]): readonly TraceQuery[] {
  const different = new Map(candidates.map((candidate) => [`${candidate.by} ${candidate.value}`, candidate]));
  return [...different.values()].slice(0, MAX_CANDIDATES);
}

function hashOf(token: string): TraceQuery {
  return digestOf(createHash('sha256').update(token).digest());
}

function digestOf(digest: Buffer): TraceQuery {
  return { by: 'tokenSha256', value: digest.toString('hex') };
}
