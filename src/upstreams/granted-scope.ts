import { canNarrow, type Profile } from '../catalogue/profile.js';
import { Scope } from '../oauth/scope.js';
import { stringsOf, type Claims } from './access-token-claims.js';
import { meaningOfScopes } from './scope-form.js';
import type { TokenWish } from './token.js';

/** What is kept of scopes that are refused, so that any answer can be recorded. */
const KEPT = 32;
const RECORDABLE_LENGTH = 128;

export interface GrantedScope {
  readonly granted: Scope;
  readonly fault: 'scope_broader' | 'scope_unusable' | null;
}

/**
 * What the server granted, by its response (RFC 6749 §5.1: absent means as requested) and by the claims of the token that hold
 * scopes (RFC 9068 §2.2.3, or as the profile says): what all of them name. More than was asked for in any of them is refused
 * (CONFORMANCE A56), and so is nothing of what was asked, or a statement that cannot be understood. A JWT by RFC 9068 names the scope
 * that was asked for (§2.2.3), so that one which names none, in an answer which names none, was granted nothing: some servers leave out
 * in silence what they do not know. `mustSay` is whether the token is such a JWT. Where no scope was asked there is none to say.
 */
export function grantedScope(wish: TokenWish, member: unknown, claims: Claims | null, mustSay = false): GrantedScope {
  const { scopeClaims } = wish.server.profile;
  const stated = [scopeOfMember(member, wish.server.profile), ...scopesOfClaims(claims, scopeClaims, wish.server.profile)];
  const isSilent = stated.every((one) => one === null);
  if (isSilent && mustSay && !wish.scope.isEmpty && canNarrow(wish.server.profile)) return { granted: Scope.none, fault: 'scope_unusable' };
  return narrowed(wish, null, stated);
}

/** What of a token's scopes its server confirms when it is asked: by `scope` (RFC 7662 §2.2), and by the claims that its tokens use. */
export function confirmedScope(wish: TokenWish, granted: Scope, members: Claims): GrantedScope {
  const { profile } = wish.server;
  return narrowed(wish, granted, scopesOfClaims(members, new Set(['scope', ...profile.scopeClaims]), profile));
}

type Stated = Scope | null | 'unclear';

/** What all statements name, each in the server's names, of what was `known` before, in ours; all that was asked for where there is none. */
function narrowed(wish: TokenWish, known: Scope | null, statements: readonly Stated[]): GrantedScope {
  const { scope: requested } = wish;
  const { toleratedExtraScopes } = wish.server.profile;
  const meaning = meaningOfScopes(wish);
  let granted = known;
  for (const stated of statements) {
    if (stated === null) continue;
    if (stated === 'unclear') return { granted: Scope.none, fault: 'scope_unusable' };
    const excess = stated.tokens.some((token) => !meaning.has(token) && !toleratedExtraScopes.includes(token));
    if (excess) return { granted: recordable(stated), fault: 'scope_broader' };
    const meant = Scope.of(stated.tokens.flatMap((token) => meaning.get(token) ?? [token]));
    granted = granted?.intersect(meant) ?? meant;
  }
  granted ??= requested;
  const isUnusable = !requested.isEmpty && granted.intersect(requested).isEmpty;
  return { granted, fault: isUnusable ? 'scope_unusable' : null };
}

/**
 * One string, by the standard, or as the profile says. Null is not by the standard either, but only another way to leave it out
 * (CONFORMANCE Q24, Q36).
 */
function scopeOfMember(member: unknown, profile: Profile): Stated {
  if (member === undefined || member === null) return null;
  if (typeof member === 'string') return scopeOf([member], profile);
  return profile.scopeAnswer === 'list' ? scopeOfClaim(member, profile) : 'unclear';
}

function scopesOfClaims(claims: Claims | null, names: Iterable<string>, profile: Profile): readonly Stated[] {
  return Array.from(names, (name) => scopeOfClaim(claims?.get(name), profile));
}

function scopeOfClaim(claim: unknown, profile: Profile): Stated {
  const values = stringsOf(claim);
  return values === null || values === 'unclear' ? values : scopeOf(values, profile);
}

function scopeOf(texts: readonly string[], { scopeAnswer }: Profile): Scope | 'unclear' {
  const tokens = texts.flatMap((text) => text.split(scopeAnswer === 'commas' ? /[ ,]/ : ' ')).filter((token) => token !== '');
  return tokens.every((token) => Scope.isToken(token)) ? Scope.of(tokens) : 'unclear';
}

function recordable(scope: Scope): Scope {
  return Scope.of(scope.tokens.filter((token) => token.length <= RECORDABLE_LENGTH).slice(0, KEPT));
}
