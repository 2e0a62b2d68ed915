/** Something of administration that cannot be done. The message says what is wrong and what to do; `code` is stable. */
export abstract class AdministrationError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** What was given is malformed or contradicts itself. `problems` name the places. */
export class Invalid extends AdministrationError {
  constructor(
    code: string,
    message: string,
    readonly problems: readonly Problem[] = [],
  ) {
    super(code, message);
  }
}

export interface Problem {
  readonly message: string;
  readonly path?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** Nobody could be made of the key. */
export class NotAuthenticated extends AdministrationError {}
/** Failed too often; seconds until the next attempt is looked at. */
export class TooManyAttempts extends AdministrationError {
  constructor(readonly retryAfter: number) {
    super('too_many_attempts', 'too many failed attempts: wait before the next');
  }
}
/** Somebody, but not for this. */
export class NotAllowed extends AdministrationError {}
export class NotFound extends AdministrationError {}
/** What it was based on is no longer so. */
export class Conflict extends AdministrationError {}
/** The store gave no answer in time; nothing may be concluded. */
export class Unavailable extends AdministrationError {}
