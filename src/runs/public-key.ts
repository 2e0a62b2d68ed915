import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import { z } from 'zod';

/** A runtime gave something that is no usable public key. The message says what is accepted. */
export class PublicKeyUnusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PublicKeyUnusable';
  }
}

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);
const jwk = z.union([
  z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: base64url, y: base64url }),
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: base64url }),
  z.object({ kty: z.literal('RSA'), n: base64url, e: base64url }),
]);
/** Bits: shorter is too weak (RFC 7518 §3.3), longer costs whoever verifies. Of the exponent, FIPS 186-5 §5.1 and what is common. */
const RSA_BITS = { least: 2048, most: 8192 };
const RSA_EXPONENT = { least: 65_537n, most: 2n ** 32n };
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'];

/**
 * Parses the public key (RFC 7517) that a run will sign its assertions with: P-256, Ed25519 or RSA of 2048 bits and more.
 * Only the members that make the key are kept; its `kid` becomes the RFC 7638 thumbprint.
 * @throws PublicKeyUnusable
 */
export async function parsePublicKey(value: unknown): Promise<JWK> {
  const parsed = jwk.safeParse(value);
  if (!parsed.success) throw new PublicKeyUnusable('public_key must be a JWK: EC P-256, OKP Ed25519, or RSA');
  if (typeof value === 'object' && value !== null && privateMembers.some((member) => member in value)) {
    throw new PublicKeyUnusable('public_key holds private members: give the public half only');
  }
  const key = parsed.data;
  if (key.kty === 'RSA') checkRsa(key);
  try {
    await importJWK(key, algorithmsOf(key)[0]);
  } catch {
    throw new PublicKeyUnusable('public_key is no valid key');
  }
  return { ...key, kid: await calculateJwkThumbprint(key) };
}

/** Looks at the numbers and not at how they are written: zeros before a short modulus make it no longer. */
function checkRsa(key: JWK): void {
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = rsaDetails(key);
  if (bits < RSA_BITS.least || bits > RSA_BITS.most) {
    throw new PublicKeyUnusable(`an RSA key must have at least ${RSA_BITS.least} and at most ${RSA_BITS.most} bits`);
  }
  if (exponent < RSA_EXPONENT.least || exponent > RSA_EXPONENT.most || exponent % 2n === 0n) {
    throw new PublicKeyUnusable('the exponent of an RSA key must be odd and from 65537 to 2^32');
  }
}

function rsaDetails(key: JWK): { modulusLength?: number; publicExponent?: bigint } {
  try {
    return createPublicKey({ key, format: 'jwk' }).asymmetricKeyDetails ?? {};
  } catch {
    throw new PublicKeyUnusable('public_key is no valid key');
  }
}

/** The JWS algorithms that a key of this type may be used with (RFC 8725 §3.1: tied to the key, never to the header). */
export function algorithmsOf(key: JWK): readonly string[] {
  if (key.kty === 'EC') return ['ES256'];
  if (key.kty === 'OKP') return ['EdDSA', 'Ed25519'];
  return ['PS256', 'RS256'];
}

export const assertionAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;
