import { isAbsent } from './answer-body.js';

/** What an answer said of its token in its own words, for whoever looks into a server: null where it said nothing. */
export interface SaidOfToken {
  readonly tokenType: string | null;
  /** Seconds where it is a number or digits, else the text. */
  readonly expiresIn: number | string | null;
}

/** A name (RFC 6749 appendix A.13), too short for a token or a secret: no other text of a server's is shown. */
const SHOWABLE = /^[A-Za-z0-9._-]{1,20}$/;
const NOT_SHOWN = 'unprintable';
const DIGITS = /^[0-9]+$/;

/** `members` are those of a token response (RFC 6749 §5.1). */
export function saidOfToken(members: ReadonlyMap<string, unknown>): SaidOfToken {
  return { tokenType: showable(members.get('token_type')), expiresIn: secondsOrText(members.get('expires_in')) };
}

function secondsOrText(expiresIn: unknown): number | string | null {
  if (typeof expiresIn === 'number' && Number.isFinite(expiresIn)) return expiresIn;
  const text = showable(expiresIn);
  return text !== null && DIGITS.test(text) ? Number(text) : text;
}

function showable(member: unknown): string | null {
  if (isAbsent(member)) return null;
  return typeof member === 'string' && SHOWABLE.test(member) ? member : NOT_SHOWN;
}
