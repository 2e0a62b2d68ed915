import { z } from 'zod';
import { detailTypePattern } from '../oauth/authorization-details.js';
import { Scope } from '../oauth/scope.js';
import { authoritiesPath, parseCredentialSource } from './credential-source.js';
import { durationPattern, longestDuration, parseDuration } from './duration.js';
import { didYouMean } from './nearest-name.js';

/**
 * The kinds of member in `corridor.yaml`. Each says, in a sentence that follows the member's name, what is wrong and what to do;
 * none repeats what was written, since it may be a secret that stands in the wrong place.
 */

/** A message for what is missing (or empty), and one for what is of the wrong kind. */
function says(missing: string, wrong: string): { error: (issue: { readonly input?: unknown }) => string } {
  return { error: (issue) => (issue.input === undefined || issue.input === null ? `is missing: ${missing}` : wrong) };
}

const DURATION_RULE = 'must be a duration such as 30s, 15m, 1h or 90d';

export const identifierPattern = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

export const identifierRule =
  'must begin with a lower-case letter or a digit and go on with at most 62 of these, dots, dashes and underscores';

export function text(missing: string, longest = 200) {
  return z
    .string(says(missing, 'must be text: put it in quotes'))
    .min(1, { error: 'is empty: fill it in', abort: true })
    .max(longest, `is longer than ${longest} characters: shorten it`)
    .refine((value) => !/\p{Cc}/u.test(value) && value.trim() === value, 'has control characters, or spaces at its ends: remove them');
}

export function flag() {
  return z.boolean(says('write true or false', 'must be true or false, without quotes'));
}

/** RFC 3986 text; what it must be beyond that depends on the member. */
export function url(missing: string) {
  return text(missing, 2_000).refine(
    (value) => /^[\x21-\x7e]+$/.test(value),
    'must be a URL, in ASCII and without spaces: encode the rest with %',
  );
}

export function duration(missing: string, longest = longestDuration, limit = '10 years') {
  return z
    .string(says(missing, DURATION_RULE))
    .regex(durationPattern, { error: DURATION_RULE, abort: true })
    .refine((value) => (parseDuration(value) ?? Infinity) <= longest, `is longer than ${limit}: shorten it`);
}

/** A duration that cannot be nothing. */
export function span(missing: string) {
  return duration(missing).refine((value) => parseDuration(value) !== 0, 'is zero: write a time, such as 15m');
}

/** So many a minute. */
export function rate() {
  const rule = 'must be a whole number from 1 to 10000000, without quotes';
  return z.int(says('write a number or leave the member out', rule)).min(1, rule).max(10_000_000, rule);
}

/** The name of something declared elsewhere in the file. */
export function reference(missing: string) {
  return z.string(says(missing, 'must be a name: put it in quotes')).regex(identifierPattern, identifierRule);
}

export function references(missing: string) {
  return listOf(reference(missing), missing);
}

export function scopes(missing: string) {
  const token = z
    .string(says(missing, 'must be text: put it in quotes'))
    .refine(
      (value) => Scope.isToken(value),
      'is no scope token: it must be one word without quotation marks or backslashes (RFC 6749 §3.3)',
    );
  return listOf(token, missing);
}

/** Text that can stand in a scope or a URL: visible ASCII without quotation marks and backslashes. */
export function word(missing: string) {
  return z
    .string(says(missing, 'must be text: put it in quotes'))
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,500}$/, 'must be one word in ASCII, without quotation marks or backslashes');
}

export function words(missing: string) {
  return listOf(word(missing), missing);
}

/** Types of authorization details (RFC 9396 §2). */
export function detailTypes(missing: string) {
  const type = z
    .string(says(missing, 'must be text: put it in quotes'))
    .regex(detailTypePattern, 'must be one word of at most 256 characters in ASCII, without quotation marks or backslashes');
  return listOf(type, missing);
}

export function hosts() {
  const host = z
    .string(says('name a host', 'must be text: put it in quotes'))
    .regex(
      /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$|^\[?[0-9a-f:]*:[0-9a-f:.]*\]?$/,
      'must be a host name or address in lower case, without a scheme, port or path',
    );
  return listOf(host, 'list hosts, or leave the member out');
}

/** A list without repetition. That it has a first element is a matter of `atLeastOne`. */
function listOf<Item extends z.ZodString>(item: Item, missing: string) {
  return z.array(item, says(missing, 'must be a list: write it in brackets')).superRefine((items, context) => {
    const seen = new Set<string>();
    for (const [index, each] of items.entries()) {
      if (seen.has(each)) context.addIssue({ code: 'custom', path: [index], message: 'has this twice: remove one of the two' });
      seen.add(each);
    }
  });
}

export function atLeastOne<List extends z.ZodArray>(list: List, missing: string): List {
  return list.min(1, `is empty: ${missing}`);
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values, missing: string) {
  return z.enum(values, {
    error: ({ input }) => {
      if (input === undefined || input === null) return `is missing: ${missing}`;
      return `must be ${values.join(' or ')}${values.length > 1 && typeof input === 'string' ? didYouMean(input, values) : ''}`;
    },
  });
}

export function labels() {
  const name = z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/, 'is no name for a label: use letters, digits, dots, dashes, slashes and underscores');
  return z.record(
    name,
    text('write a text or leave the label out'),
    says('write labels or leave the member out', 'must be labels: names with texts behind them'),
  );
}

/** RFC 6749 appendix A.1: client-id = *VSCHAR. */
export function clientIdentifier(missing: string) {
  return text(missing, 255).refine(
    (value) => /^[\x20-\x7e]+$/.test(value),
    'has characters that RFC 6749 does not allow: use printable ASCII',
  );
}

export function credential(missing: string) {
  return z.string(says(missing, 'must be generate, env:NAME or file:PATH')).superRefine((value, context) => {
    const source = parseCredentialSource(value);
    if ('problem' in source) context.addIssue({ code: 'custom', message: source.problem });
  });
}

export function authorities() {
  return z
    .string(says('write file:PATH', 'must be file:PATH'))
    .refine((value) => authoritiesPath(value) !== null, 'must be file:PATH, relative to CORRIDOR_SECRET_DIR: a PEM file with certificates');
}

export function timeZone() {
  return z
    .string(says('name a time zone', 'must be text such as Europe/Berlin or UTC'))
    .refine((zone) => isTimeZone(zone), 'is no time zone of the IANA list: write one such as Europe/Berlin or UTC');
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
