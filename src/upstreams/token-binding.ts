import { createHash } from 'node:crypto';
import { senderConstraintOf } from '../catalogue/sender-constraint.js';
import { membersOf } from '../oauth/strict-json.js';
import type { TokenBinding } from '../oauth/token-binding.js';
import type { Claims } from './access-token-claims.js';
import type { TokenWish } from './token.js';

export interface LearnedBinding {
  readonly binding: TokenBinding;
  readonly fault: 'binding_mismatch' | 'binding_unasked' | null;
}

/**
 * What a token is bound to, by its `cnf` (RFC 8705 §3.1, RFC 9449 §6.1): to the certificate or the proof key of this request, and to
 * nothing else. `said` is the `cnf` of a response beside the token. A token that can be read and does not say so although it must be bound
 * is refused too: no resource could tell. What cannot be read is bound to a proof key where the server called it so, and `unverified`
 * where a certificate was shown. One that is bound to our certificate though nobody asked is refused as well: whoever were handed it
 * could not use it (CONFORMANCE D6).
 */
export function learnBinding(wish: TokenWish, claims: Claims | null, said: unknown = null): LearnedBinding {
  const certificate = certificateThumbprint(wish);
  const proof = wish.proofKey?.thumbprint ?? null;
  const [own, beside] = [confirmationOf(claims?.get('cnf')), confirmationOf(said)];
  if (own === null || beside === null) return mismatch;
  for (const { jkt, x5t } of [own, beside]) {
    if ((jkt !== null && jkt !== proof) || (x5t !== null && x5t !== certificate)) return mismatch;
  }
  if (proof !== null) return claims !== null && own.jkt === null ? mismatch : { binding: 'dpop', fault: null };
  const isAsked = senderConstraintOf(wish) === 'mtls';
  if (isAsked && claims !== null && own.x5t === null) return mismatch;
  if (own.x5t !== null || beside.x5t !== null) return { binding: 'mtls', fault: isAsked ? null : 'binding_unasked' };
  return { binding: claims === null && certificate !== null ? 'unverified' : 'none', fault: null };
}

/** The thumbprints of a `cnf` (RFC 7800 §3.1), none where there is none; null when it cannot be understood. */
function confirmationOf(cnf: unknown): { readonly jkt: unknown; readonly x5t: unknown } | null {
  const members = cnf === undefined || cnf === null ? new Map<string, unknown>() : membersOf(cnf);
  return members && { jkt: members.get('jkt') ?? null, x5t: members.get('x5t#S256') ?? null };
}

const mismatch: LearnedBinding = { binding: 'unverified', fault: 'binding_mismatch' };

/** RFC 8705 §3.1: SHA-256 of the certificate in DER. */
function certificateThumbprint({ credential }: TokenWish): string | null {
  if (credential.method !== 'tls_client_auth' && credential.method !== 'self_signed_tls_client_auth') return null;
  const [own] = credential.publicKey.x5c ?? [];
  return own === undefined ? null : createHash('sha256').update(Buffer.from(own, 'base64')).digest('base64url');
}
