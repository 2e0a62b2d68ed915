import { inspect } from 'node:util';

/**
 * A text that must never be seen: a client secret, a private key, an access token, an assertion.
 * It prints as `[redacted]` in JSON, templates and `util.inspect`, and is opened only at the call that sends or seals it.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where it is sent, sealed or hashed, and nowhere else. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
