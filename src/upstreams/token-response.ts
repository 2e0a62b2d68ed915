import { createHash } from 'node:crypto';
import { Secret } from '../oauth/secret.js';
import { isAccessTokenJwt, readClaims, type Claims } from './access-token-claims.js';
import { isAbsent, isJson, readMembers } from './answer-body.js';
import type { UpstreamAnswer } from './form-post.js';
import { grantedDetails } from './granted-details.js';
import { grantedScope } from './granted-scope.js';
import { readRefusal } from './refusal.js';
import { membersOf } from '../oauth/strict-json.js';
import { saidOfToken } from './said-of-token.js';
import { learnAudience } from './token-audience.js';
import { learnBinding } from './token-binding.js';
import { tokenLifetime } from './token-lifetime.js';
import type { TokenWish, UpstreamFault, UpstreamOutcome, UpstreamToken } from './token.js';
import { UpstreamExchangeFailed, type UpstreamResponse } from './upstream-http.js';

/** RFC 6749 appendix A.12, without the space that RFC 6750 §2.1 has no place for: fit for a header. */
const TOKEN_TEXT = /^[\x21-\x7e]+$/;
const RECORDABLE_JTI = /^[\x20-\x7e]{1,256}$/;

type Members = ReadonlyMap<string, unknown>;

/**
 * Reads the answer to a token request (RFC 6749 §5). `sentAt` is when it was sent, in milliseconds. Whatever the answer looks like,
 * a token that can be seen in it was issued, and is given to be revoked when it must not be used (CONFORMANCE A48–A59).
 * A refresh token or an ID token is not read at all (A57).
 */
export function readTokenResponse(wish: TokenWish, answer: UpstreamAnswer, sentAt: number): UpstreamOutcome {
  if (answer instanceof UpstreamExchangeFailed) {
    return { kind: answer.sent ? 'unknown' : 'failed', fault: answer.fault, retryAfter: null };
  }
  const members = isSuccess(answer) ? readMembers(answer.body) : null;
  if (members !== null && !saysFailure(members)) {
    const text = members.get('access_token');
    if (typeof text === 'string' && text !== '') return judge(wish, members, text, sentAt);
    if (!isAbsent(text)) return refused('token_unusable', null);
  }
  const seen = seenToken(answer.body);
  if (seen === null) return readRefusal(answer, sentAt, wish.server.profile.throttling);
  return refused('response_unreadable', understood(wish, new Map(), seen, sentAt).token);
}

function isSuccess(response: UpstreamResponse): boolean {
  return response.status === 200 && isJson(response);
}

/** Some servers answer 200 and say in the body that it failed (CONFORMANCE A49, Q27). */
function saysFailure(members: Members): boolean {
  return !isAbsent(members.get('error')) || members.get('ok') === false;
}

/** A token in a body that is no success or cannot be read strictly, such as one whose other members are repeated. */
function seenToken(body: Uint8Array): string | null {
  try {
    const text = membersOf(JSON.parse(new TextDecoder().decode(body)))?.get('access_token');
    return typeof text === 'string' && text !== '' ? text : null;
  } catch {
    return null;
  }
}

function judge(wish: TokenWish, members: Members, text: string, sentAt: number): UpstreamOutcome {
  const { token: read, fault } = understood(wish, members, text, sentAt);
  const token = { ...read, said: saidOfToken(members) };
  return fault === null ? { kind: 'token', token } : refused(fault, token);
}

function refused(fault: UpstreamFault, token: UpstreamToken | null): UpstreamOutcome {
  return { kind: 'refused', fault, token };
}

/** The token as far as it can be understood, and the first reason why it must not be used. */
function understood(
  wish: TokenWish,
  members: Members,
  text: string,
  sentAt: number,
): { token: UpstreamToken; fault: UpstreamFault | null } {
  const read = readClaims(text);
  const claims = read instanceof Map ? read : null;
  const { audience, fault: audienceFault } = learnAudience(wish, members, claims);
  const { granted, fault: scopeFault } = grantedScope(wish, members.get('scope'), claims, claims !== null && isAccessTokenJwt(text));
  const details = grantedDetails(wish, members.get('authorization_details'), claims);
  const typeFits = hasType(
    members.get('token_type'),
    wish.proofKey === undefined ? ['bearer', ...wish.server.profile.otherBearerNames] : ['dpop'],
  );
  const { binding, fault: bindingFault } = learnBinding(wish, claims, members.get('cnf'));
  const { expiresAt, usableUntil, fault: lifetimeFault } = tokenLifetime(wish, members.get('expires_in'), claims, sentAt);
  const faults: readonly (UpstreamFault | null)[] = [
    TOKEN_TEXT.test(text) && read !== 'ambiguous' ? null : 'token_unusable',
    typeFits ? null : 'token_type_unusable',
    identityFault(wish, claims),
    bindingFault,
    audienceFault,
    scopeFault,
    details.fault,
    lifetimeFault,
    wish.resource.verifyAudience && audience === 'unverified' ? 'audience_unverified' : null,
  ];
  const token: UpstreamToken = {
    text: new Secret(text),
    sha256: createHash('sha256').update(text, 'utf8').digest('hex'),
    type: wish.proofKey === undefined ? 'Bearer' : 'DPoP',
    binding: typeFits ? binding : 'unverified',
    jti: recordableJti(claims?.get('jti')),
    issuedAt: sentAt,
    expiresAt,
    usableUntil,
    granted,
    grantedDetails: details.granted,
    audience,
  };
  return { token, fault: faults.find((fault) => fault !== null) ?? null };
}

/**
 * RFC 6749 §5.1 compares without case; of a type that we do not know we cannot know what it needs (§7.1). To a proof of possession
 * nothing else is an answer: a bearer token would be less than was asked for (RFC 9449 §5, CONFORMANCE A35).
 */
function hasType(type: unknown, expected: readonly string[]): boolean {
  return typeof type === 'string' && expected.includes(type.toLowerCase());
}

/** A token that says whose it is must be this issuer's and this client's (RFC 9068 §2.2, or by the claims that the profile names). */
export function identityFault({ server, client }: TokenWish, claims: Claims | null): UpstreamFault | null {
  const { clientClaims, otherTokenIssuers } = server.profile;
  const isOneOf = (name: string, expected: readonly unknown[]): boolean =>
    claims?.has(name) !== true || expected.includes(claims.get(name));
  const tenant = new URL(server.issuer).pathname.split('/')[1] ?? '';
  const issuers = [server.issuer, ...otherTokenIssuers.map((issuer) => issuer.replace('{tenant}', tenant))];
  if (!isOneOf('iss', issuers)) return 'issuer_mismatch';
  return clientClaims.every((name) => isOneOf(name, [client.clientId])) ? null : 'client_mismatch';
}

function recordableJti(jti: unknown): string | null {
  return typeof jti === 'string' && RECORDABLE_JTI.test(jti) ? jti : null;
}
