import { InvalidTarget } from './errors.js';

const MAX_LENGTH = 2048;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/;
const ORIGIN_ONLY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]+$/;

/**
 * A resource indicator (RFC 8707 §2): an absolute URI without a fragment, kept byte for byte.
 * One canonical rule and no other: an origin-only URI equals itself with `/` after it (CONFORMANCE B53).
 */
export class ResourceIndicator {
  private constructor(readonly uri: string) {}

  /** @throws InvalidTarget for a relative reference, a fragment, white space or characters outside ASCII. */
  static parse(text: string): ResourceIndicator {
    if (text.length > MAX_LENGTH) throw new InvalidTarget('the resource is too long');
    if (!ABSOLUTE.test(text) || text.includes('#') || !URL.canParse(text)) {
      throw new InvalidTarget('the resource must be an absolute URI without a fragment');
    }
    return new ResourceIndicator(text);
  }

  equals(other: ResourceIndicator): boolean {
    return this.comparable === other.comparable;
  }

  /** The form in which two indicators are compared, and by which they are looked up. */
  get comparable(): string {
    return ORIGIN_ONLY.test(this.uri) ? `${this.uri}/` : this.uri;
  }

  toString(): string {
    return this.uri;
  }
}
