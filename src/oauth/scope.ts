import { InvalidScope } from './errors.js';

/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
const TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Of the `scope` parameter, in characters: whatever is asked must fit into an entry. */
const MAX_LENGTH = 8192;

/** A set of scope tokens: case kept, order irrelevant, never empty when parsed. Kept sorted, so that equal sets print alike. */
export class Scope {
  static readonly none = new Scope([]);

  readonly tokens: readonly string[];

  private constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  /** Parses the `scope` parameter (RFC 6749 §3.3: tokens, single spaces between them). @throws InvalidScope */
  static parse(text: string): Scope {
    if (text.length > MAX_LENGTH) throw new InvalidScope('the scope is too long');
    return Scope.of(text.split(' '));
  }

  /** @throws InvalidScope when a token has characters that RFC 6749 §3.3 forbids. */
  static of(tokens: Iterable<string>): Scope {
    const unique = [...new Set(tokens)].sort();
    if (!unique.every((token) => TOKEN.test(token))) throw new InvalidScope('the scope has characters or spaces that it must not have');
    return new Scope(unique);
  }

  static isToken(text: string): boolean {
    return TOKEN.test(text);
  }

  get isEmpty(): boolean {
    return this.tokens.length === 0;
  }

  has(token: string): boolean {
    return this.tokens.includes(token);
  }

  isSubsetOf(other: Scope): boolean {
    return this.tokens.every((token) => other.has(token));
  }

  equals(other: Scope): boolean {
    return this.tokens.length === other.tokens.length && this.isSubsetOf(other);
  }

  /** What this set has and the other has not. */
  without(other: Scope): string[] {
    return this.tokens.filter((token) => !other.has(token));
  }

  intersect(other: Scope): Scope {
    return new Scope(this.tokens.filter((token) => other.has(token)));
  }

  toString(): string {
    return this.tokens.join(' ');
  }

  toJSON(): readonly string[] {
    return this.tokens;
  }
}
