import { InvalidRequest } from '../oauth/errors.js';

/** The parameters of a form-encoded body, by name; those with an empty value are absent (RFC 6749 §3.2). */
export class Form {
  private constructor(private readonly parameters: ReadonlyMap<string, readonly string[]>) {}

  /**
   * Parses `application/x-www-form-urlencoded` (RFC 6749 appendix B) from the raw text, strictly: malformed escapes, bytes
   * that are no UTF-8, NUL, more than 100 parameters, and a repeat of any parameter but `resource` are errors. Brackets and
   * dots in names mean nothing (CONFORMANCE B4, B7).
   * @throws InvalidRequest
   */
  static parse(body: string): Form {
    const parameters = new Map<string, string[]>();
    const pairs = body === '' ? [] : body.split('&');
    if (pairs.length > 100) throw new InvalidRequest('the request has too many parameters');
    for (const pair of pairs) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = decodeFormComponent(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? '' : decodeFormComponent(pair.slice(equals + 1));
      if (name === null || value === null) throw new InvalidRequest('the body is not well-formed form encoding');
      const values = parameters.get(name);
      if (values === undefined) parameters.set(name, [value]);
      else if (name === 'resource') values.push(value);
      else throw new InvalidRequest('a parameter is repeated');
    }
    return new Form(parameters);
  }

  get(name: string): string | null {
    return this.parameters.get(name)?.[0] || null;
  }

  all(name: string): readonly string[] {
    return (this.parameters.get(name) ?? []).filter((value) => value !== '');
  }
}

/** Undoes the encoding of RFC 6749 appendix B; null when it is malformed or holds NUL. */
export function decodeFormComponent(text: string): string | null {
  if (!/[%+]/.test(text)) return text.includes('\0') ? null : text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? null : decoded;
  } catch {
    return null;
  }
}
