import { createHash } from 'node:crypto';
import { senderConstraintOf } from '../catalogue/sender-constraint.js';
import { membersOf } from '../oauth/strict-json.js';
import type { TokenBinding } from '../oauth/token-binding.js';
import type { Claims } from './access-token-claims.js';
import type { TokenWish } from './token.js';

export interface LearnedBinding {
  readonly binding: TokenBinding;
  readonly fault: 'binding_mismatch' | null;
}

/**
 * What a token is bound to, by its `cnf` (RFC 8705 §3.1, RFC 9449 §6.1): to the certificate or the proof key of this request, and to
 * nothing else. A token that can be read and does not say so although it must be bound is refused too: no resource could tell. What
 * cannot be read is bound to a proof key where the server called it so, and `unverified` where a certificate was shown.
 */
export function learnBinding(wish: TokenWish, claims: Claims | null): LearnedBinding {
  const certificate = certificateThumbprint(wish);
  const proof = wish.proofKey?.thumbprint ?? null;
  const confirmation = claims?.get('cnf') ?? null;
  const stated = confirmation === null ? null : membersOf(confirmation);
  if (confirmation !== null && stated === null) return mismatch;
  const [jkt, x5t] = [stated?.get('jkt') ?? null, stated?.get('x5t#S256') ?? null];
  if ((jkt !== null && jkt !== proof) || (x5t !== null && x5t !== certificate)) return mismatch;
  if (proof !== null) return claims !== null && jkt === null ? mismatch : { binding: 'dpop', fault: null };
  if (x5t !== null) return { binding: 'mtls', fault: null };
  if (claims !== null && senderConstraintOf(wish) === 'mtls') return mismatch;
  return { binding: claims === null && certificate !== null ? 'unverified' : 'none', fault: null };
}

const mismatch: LearnedBinding = { binding: 'unverified', fault: 'binding_mismatch' };

/** RFC 8705 §3.1: SHA-256 of the certificate in DER. */
function certificateThumbprint({ credential }: TokenWish): string | null {
  if (credential.method !== 'tls_client_auth' && credential.method !== 'self_signed_tls_client_auth') return null;
  const [own] = credential.publicKey.x5c ?? [];
  return own === undefined ? null : createHash('sha256').update(Buffer.from(own, 'base64')).digest('base64url');
}
