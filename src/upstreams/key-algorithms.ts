import type { PublicJwk } from '../catalogue/workload-identity.js';

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
/** CONFORMANCE A27: RSA of 2048 bits and more. */
const LEAST_MODULUS = 256;

/** Whether a key is for this JWS algorithm: the type of the key decides, and what the key says of itself (RFC 8725 §3.1). */
export function isKeyFor(key: PublicJwk, algorithm: string): boolean {
  if (key.alg !== undefined && key.alg !== algorithm && !(isEdwards(key.alg) && isEdwards(algorithm))) return false;
  if (/^[RP]S(256|384|512)$/.test(algorithm)) return key.kty === 'RSA' && Buffer.from(key.n ?? '', 'base64url').length >= LEAST_MODULUS;
  if (isEdwards(algorithm)) return key.kty === 'OKP' && key.crv === 'Ed25519';
  return key.kty === 'EC' && key.crv !== undefined && key.crv === CURVES[algorithm];
}

/** RFC 9864 gave EdDSA with this curve a name of its own. */
function isEdwards(algorithm: string): boolean {
  return algorithm === 'EdDSA' || algorithm === 'Ed25519';
}
