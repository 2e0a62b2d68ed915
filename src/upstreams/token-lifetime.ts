import type { Claims } from './access-token-claims.js';
import { isAbsent } from './answer-body.js';
import type { TokenWish } from './token.js';

/** Times in milliseconds since 1970. */
export interface TokenLifetime {
  readonly expiresAt: number;
  readonly usableUntil: number;
  readonly fault: 'lifetime_unusable' | null;
}

/** One statement about a life, in seconds from when the request was sent; null when it says nothing that is a number. */
interface Statement {
  readonly seconds: number | null;
  readonly usable: boolean;
}

/** Seconds by which the server's clock may be ahead of ours, for an `exp` at the end of the longest life. */
const CLOCK_TOLERANCE = 60;
/** Seconds; nothing is recorded as living longer. */
const TEN_YEARS = 315_360_000;
const DIGITS = /^[0-9]+$/;

/**
 * How long a token lives, from `expires_in` (RFC 6749 §5.1), counted from when the request was sent (CONFORMANCE A53), and from the
 * `exp` of a JWT. They may differ: until the later it may be abused, until the earlier it may be used. Where neither says anything
 * it may live as long as the client's tokens can, and is used for the profile's default. A longer life than the client's tokens
 * should have is refused, since what is at stake in a loss is counted by that.
 */
export function tokenLifetime({ client, server }: TokenWish, expiresIn: unknown, claims: Claims | null, sentAt: number): TokenLifetime {
  const statements = [readExpiresIn(expiresIn, client.maxTokenLife), readExp(claims?.get('exp'), sentAt, client.maxTokenLife)];
  const lives = statements.flatMap(({ seconds }) => (seconds === null ? [] : [Math.min(seconds, TEN_YEARS)]));
  if (statements.some(({ usable }) => !usable)) {
    return { expiresAt: later(sentAt, Math.max(client.maxTokenLife, ...lives)), usableUntil: sentAt, fault: 'lifetime_unusable' };
  }
  const longest = lives.length === 0 ? client.maxTokenLife : Math.max(...lives);
  const shortest = lives.length === 0 ? Math.min(server.profile.defaultTokenLife, client.maxTokenLife) : Math.min(...lives);
  return { expiresAt: later(sentAt, longest), usableUntil: later(sentAt, shortest - margin(shortest)), fault: null };
}

/** A number, or digits in a string as some servers send it (CONFORMANCE A52, Q22). */
function readExpiresIn(expiresIn: unknown, longest: number): Statement {
  if (isAbsent(expiresIn)) return { seconds: null, usable: true };
  const seconds = typeof expiresIn === 'string' && DIGITS.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number') return { seconds: null, usable: false };
  return { seconds, usable: seconds >= 1 && seconds <= longest };
}

function readExp(exp: unknown, sentAt: number, longest: number): Statement {
  if (exp === undefined || exp === null) return { seconds: null, usable: true };
  if (typeof exp !== 'number') return { seconds: null, usable: false };
  const seconds = exp - sentAt / 1000;
  return { seconds, usable: seconds > 0 && seconds <= longest + CLOCK_TOLERANCE };
}

function later(sentAt: number, seconds: number): number {
  return Math.floor(sentAt + seconds * 1000);
}

/** Seconds before its end in which a token is no longer used: a hundredth of its life, and at most five. */
function margin(life: number): number {
  return Math.min(life / 100, 5);
}
