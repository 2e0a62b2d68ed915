import { membersOf, parseStrictJson, UnreadableJson } from '../oauth/strict-json.js';

/** The claims of an access token that is a JWT, by name. They are read, never trusted for more than a refusal. */
export type Claims = ReadonlyMap<string, unknown>;

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Reads what a token says of itself. Most texts are opaque, also those with dots: a JWT is three parts of base64url, of which the
 * first names an algorithm and the second is a JSON object. Claims that could be understood in two ways are `ambiguous`.
 */
export function readClaims(token: string): Claims | 'opaque' | 'ambiguous' {
  if (!COMPACT_JWS.test(token)) return 'opaque';
  const [head = '', body = ''] = token.split('.');
  const header = readPart(head);
  if (!(header instanceof Map)) return header;
  const algorithm: unknown = header.get('alg');
  if (typeof algorithm !== 'string' || algorithm.toLowerCase() === 'none') return 'opaque';
  return readPart(body);
}

/** Whether a JWT says that it is an access token by RFC 9068 (§2.1). */
export function isAccessTokenJwt(token: string): boolean {
  const header = readPart(token.split('.', 1)[0] ?? '');
  const type: unknown = header instanceof Map ? header.get('typ') : null;
  return typeof type === 'string' && /^(application\/)?at\+jwt$/i.test(type);
}

function readPart(part: string): Claims | 'opaque' | 'ambiguous' {
  try {
    return membersOf(parseStrictJson(Buffer.from(part, 'base64url'))) ?? 'opaque';
  } catch (error) {
    if (!(error instanceof UnreadableJson)) throw error;
    return error.reason === 'not JSON' || error.reason === 'not UTF-8' ? 'opaque' : 'ambiguous';
  }
}

/** A claim that is one string or an array of strings; null when it is absent, `unclear` when it is anything else. */
export function stringsOf(claim: unknown): readonly string[] | null | 'unclear' {
  if (claim === undefined || claim === null) return null;
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  const strings = values.filter((value) => typeof value === 'string');
  return strings.length === values.length ? strings : 'unclear';
}
