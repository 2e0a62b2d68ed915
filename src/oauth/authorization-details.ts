import canonicalize from 'canonicalize';
import { InvalidAuthorizationDetails } from './errors.js';
import { parseStrictJson, UnreadableJson } from './strict-json.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: JsonValue;
}

/** One permission (RFC 9396 §2): an object whose `type` says what its members mean. */
export interface AuthorizationDetail extends JsonObject {
  readonly type: string;
}

/** In bytes of canonical JSON: what is asked, decided and granted must fit into one entry together. */
const MAX_LENGTH = 4096;
const MOST = 32;
const MAX_DEPTH = 16;

/** A `type` that the catalogue could declare and a reason can name. */
export const detailTypePattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
/** What no database keeps. */
const UNSTORABLE = /[\0\p{Cs}]/u;
/** The members of which fewer values are less (RFC 9396 §2.2). Of any other list that cannot be known: it may say what is left out. */
const LISTS: ReadonlySet<string> = new Set(['locations', 'actions', 'datatypes', 'privileges']);

/** Authorization details (RFC 9396 §2), whose order means nothing: kept sorted and canonical (RFC 8785), so that equal ones print alike. */
export class AuthorizationDetails {
  static readonly none = new AuthorizationDetails([], []);

  private constructor(
    readonly elements: readonly AuthorizationDetail[],
    private readonly texts: readonly string[],
  ) {}

  /** Parses the `authorization_details` parameter. @throws InvalidAuthorizationDetails */
  static parse(text: string): AuthorizationDetails {
    const details = AuthorizationDetails.of(readJson(text));
    if (details === null)
      throw new InvalidAuthorizationDetails('authorization_details must be a short JSON array of objects, each with a type');
    return details;
  }

  /** What was kept as text; null is none. */
  static restore(text: string | null): AuthorizationDetails {
    return text === null ? AuthorizationDetails.none : AuthorizationDetails.parse(text);
  }

  /** Those that a JSON value is; null when it is none, or one element at least is not as it must be, or they are beyond a limit. */
  static of(value: unknown): AuthorizationDetails | null {
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST) return null;
    const details: { readonly element: AuthorizationDetail; readonly text: string }[] = [];
    for (const one of value) {
      const element = jsonOf(one, 2);
      if (!isDetail(element)) return null;
      details.push({ element, text: textOf(element) });
    }
    details.sort((left, right) => (left.text < right.text ? -1 : 1));
    const sorted = new AuthorizationDetails(
      details.map(({ element }) => element),
      details.map(({ text }) => text),
    );
    return Buffer.byteLength(sorted.toString()) <= MAX_LENGTH ? sorted : null;
  }

  get isEmpty(): boolean {
    return this.elements.length === 0;
  }

  get types(): readonly string[] {
    return [...new Set(this.elements.map(({ type }) => type))];
  }

  /**
   * Whether each of these elements narrows one of the others, and no two the same: what may be done once is not to be had twice.
   * An element narrows another when it has the same members with the same values, but for fewer values in the lists of RFC 9396 §2.2.
   */
  isNoBroaderThan(others: AuthorizationDetails): boolean {
    const narrowedBy = new Map<AuthorizationDetail, AuthorizationDetail>();
    // a matching by augmenting paths: whoever holds the place may find another
    const place = (element: AuthorizationDetail, tried: Set<AuthorizationDetail>): boolean =>
      others.elements.some((other) => {
        if (tried.has(other) || !narrows(element, other)) return false;
        tried.add(other);
        const holder = narrowedBy.get(other);
        if (holder !== undefined && !place(holder, tried)) return false;
        narrowedBy.set(other, element);
        return true;
      });
    return this.elements.every((element) => place(element, new Set()));
  }

  toString(): string {
    return `[${this.texts.join(',')}]`;
  }

  /** For `restore`. */
  toKept(): string | null {
    return this.isEmpty ? null : this.toString();
  }

  toJSON(): readonly AuthorizationDetail[] {
    return this.elements;
  }
}

function readJson(text: string): unknown {
  try {
    return parseStrictJson(Buffer.from(text));
  } catch (error) {
    if (error instanceof UnreadableJson) return null;
    throw error;
  }
}

/** A copy of a value that is JSON as we keep it, which leaves every number as it was written; undefined for any other. */
function jsonOf(value: unknown, depth: number): JsonValue | undefined {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return UNSTORABLE.test(value) ? undefined : value;
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined;
  if (typeof value !== 'object' || depth > MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => jsonOf(item, depth + 1)).filter((item) => item !== undefined);
    return items.length === value.length ? items : undefined;
  }
  const members: [string, JsonValue][] = [];
  for (const [name, member] of Object.entries(value)) {
    const json = jsonOf(member, depth + 1);
    if (json === undefined || UNSTORABLE.test(name)) return undefined;
    members.push([name, json]);
  }
  return Object.fromEntries(members);
}

function isDetail(value: JsonValue | undefined): value is AuthorizationDetail {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const type = Object.hasOwn(value, 'type') ? (value as JsonObject)['type'] : undefined;
  return typeof type === 'string' && detailTypePattern.test(type);
}

function narrows(element: AuthorizationDetail, other: AuthorizationDetail): boolean {
  const names = Object.keys(element);
  return names.length === Object.keys(other).length && names.every((name) => narrowsIn(name, element, other));
}

function narrowsIn(name: string, element: JsonObject, other: JsonObject): boolean {
  if (!Object.hasOwn(other, name)) return false;
  const [mine, theirs] = [element[name], other[name]];
  if (textOf(mine) === textOf(theirs)) return true;
  // an empty list could stand for no limit at all
  if (!LISTS.has(name) || !Array.isArray(mine) || !Array.isArray(theirs) || mine.length === 0) return false;
  const whole = new Set(theirs.map(textOf));
  return mine.every((one) => whole.has(textOf(one)));
}

/** RFC 8785. */
function textOf(value: unknown): string {
  return canonicalize(value) ?? '';
}
