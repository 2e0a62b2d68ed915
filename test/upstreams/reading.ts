import { inspect } from 'node:util';
import { readTokenResponse } from '../../src/upstreams/token-response.js';
import type { TokenWish, UpstreamOutcome, UpstreamToken } from '../../src/upstreams/token.js';
import type { UpstreamExchangeFailed, UpstreamResponse } from '../../src/upstreams/upstream-http.js';
import { NOW, wish } from './wish.js';

/** Reads an answer to a request that was sent at NOW. */
export function read(answer: UpstreamResponse | UpstreamExchangeFailed, one: TokenWish = wish()): UpstreamOutcome {
  return readTokenResponse(one, answer, NOW);
}

export function tokenOf(outcome: UpstreamOutcome): UpstreamToken {
  if (outcome.kind !== 'token') throw new Error(`the outcome is ${inspect(outcome)}`);
  return outcome.token;
}

/** The outcome in a word: its kind, its fault, and the text of what is to be revoked. */
export function inShort(outcome: UpstreamOutcome): string {
  if (outcome.kind === 'token') return 'token';
  const text = outcome.kind === 'refused' ? ` ${outcome.token?.text.reveal() ?? 'nothing'}` : '';
  return `${outcome.kind} ${outcome.fault}${text}`;
}
