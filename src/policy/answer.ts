import { AuthorizationDetails } from '../oauth/authorization-details.js';
import type { Reason } from '../oauth/errors.js';
import type { Obligations } from './decision.js';

/**
 * What the policy answered, read by `policies/schemas/decision.json` and strictly: whatever does not look like it is no answer.
 * `at` names the member that is wrong.
 */
export type PolicyAnswer =
  | { readonly kind: 'answer'; readonly allow: boolean; readonly reasons: readonly Reason[]; readonly obligations: Obligations }
  | { readonly kind: 'unknown_obligation'; readonly obligation: string }
  | { readonly kind: 'malformed'; readonly at: 'decision' | 'allow' | 'reasons' | 'obligations' };

const MEMBERS = new Set(['allow', 'reasons', 'obligations']);
const OBLIGATIONS = new Set(['scopes', 'authorization_details', 'max_ttl', 'isolation']);

const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const MOST_REASONS = 16;
const MOST_MEMBERS = 9;
const LONGEST_TEXT = 256;
/** Of all reasons as JSON, in bytes: they must fit into an entry. */
const LONGEST_REASONS = 8192;
/** A year: more is a mistake, and the resource's own limit holds in any case. */
const LONGEST_TTL = 31_536_000;

type Members = Readonly<Record<string, unknown>>;

export function readAnswer(value: unknown): PolicyAnswer {
  if (!isObject(value) || !Object.keys(value).every((member) => MEMBERS.has(member))) return { kind: 'malformed', at: 'decision' };
  const { allow, reasons: given = [], obligations: obliged = {} } = value;
  if (typeof allow !== 'boolean') return { kind: 'malformed', at: 'allow' };

  const reasons = readReasons(given);
  if (reasons === null) return { kind: 'malformed', at: 'reasons' };

  if (!isObject(obliged)) return { kind: 'malformed', at: 'obligations' };
  const unknown = Object.keys(obliged).find((key) => !OBLIGATIONS.has(key));
  if (unknown !== undefined) return { kind: 'unknown_obligation', obligation: NAME.test(unknown) ? unknown : 'unnamed' };
  const obligations = readObligations(obliged);
  if (obligations === null) return { kind: 'malformed', at: 'obligations' };

  return { kind: 'answer', allow, reasons, obligations };
}

function readReasons(value: unknown): Reason[] | null {
  if (!Array.isArray(value) || value.length > MOST_REASONS) return null;
  const reasons: Reason[] = [];
  for (const one of value) {
    const reason = readReason(one);
    if (reason === null) return null;
    reasons.push(reason);
  }
  return Buffer.byteLength(JSON.stringify(reasons)) <= LONGEST_REASONS ? reasons : null;
}

function readReason(value: unknown): Reason | null {
  if (!isObject(value)) return null;
  const { code } = value;
  if (typeof code !== 'string' || !NAME.test(code)) return null;
  const members = Object.entries(value);
  if (members.length > MOST_MEMBERS) return null;
  const read: Record<string, string | number | boolean> = {};
  for (const [name, member] of members) {
    if (!NAME.test(name) || !isPlain(member)) return null;
    read[name] = member;
  }
  return { ...read, code };
}

function readObligations({ scopes, authorization_details, max_ttl, isolation }: Members): Obligations | null {
  const decided = scopes === undefined ? undefined : readScopes(scopes);
  if (decided === null) return null;
  const details = authorization_details === undefined ? undefined : readDetails(authorization_details);
  if (details === null) return null;
  if (max_ttl !== undefined && !isTtl(max_ttl)) return null;
  if (isolation !== undefined && isolation !== 'run' && isolation !== 'workflow') return null;
  return {
    ...(decided === undefined ? {} : { scopes: decided }),
    ...(details === undefined ? {} : { authorization_details: details }),
    ...(max_ttl === undefined ? {} : { max_ttl }),
    ...(isolation === undefined ? {} : { isolation }),
  };
}

/** Rego's sets come out unsorted. */
function readScopes(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  const scopes = value.filter((scope) => typeof scope === 'string');
  return scopes.length === value.length ? [...new Set(scopes)].sort() : null;
}

function readDetails(value: unknown): AuthorizationDetails | null {
  return Array.isArray(value) && value.length === 0 ? AuthorizationDetails.none : AuthorizationDetails.of(value);
}

function isTtl(value: unknown): value is number {
  return Number.isInteger(value) && typeof value === 'number' && value >= 1 && value <= LONGEST_TTL;
}

/** Texts go into entries, error bodies and terminals: no control characters, no halves of characters. */
function isPlain(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value.length <= LONGEST_TEXT && !/\p{Cc}|\p{Cs}/u.test(value);
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
