import { membersOf, parseStrictJson, UnreadableJson } from '../oauth/strict-json.js';
import type { UpstreamResponse } from './upstream-http.js';

/** RFC 6749 §5.2, and short: what is longer is no error code. */
const ERROR_CODE = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/;
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/;

/** The members of a JSON object in a response, or null when its body is anything else. */
export function readMembers(body: Uint8Array): ReadonlyMap<string, unknown> | null {
  try {
    return membersOf(parseStrictJson(body));
  } catch (error) {
    if (error instanceof UnreadableJson) return null;
    throw error;
  }
}

/** Whether a response says that it is JSON; case and parameters do not matter (CONFORMANCE A48). */
export function isJson(response: UpstreamResponse): boolean {
  const [type = ''] = (response.headers['content-type'] ?? '').split(';');
  return JSON_TYPE.test(type.trim().toLowerCase());
}

/** The OAuth error code of a response, to be looked up and never to be repeated; null when there is none. */
export function errorCodeOf(members: ReadonlyMap<string, unknown> | null): string | null {
  const code = members?.get('error');
  return typeof code === 'string' && ERROR_CODE.test(code) ? code : null;
}

/** Optional members that are null or empty are as good as absent (CONFORMANCE Q36). */
export function isAbsent(member: unknown): boolean {
  return member === undefined || member === null || member === '';
}
