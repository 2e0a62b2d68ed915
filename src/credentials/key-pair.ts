import { calculateJwkThumbprint, exportJWK, generateKeyPair as generate, type JWK } from 'jose';
import type { SigningAlgorithm } from '../catalogue/client-methods.js';
import { Secret } from '../oauth/secret.js';
import type { CredentialKey } from './sealed-credential.js';

/** A key pair for assertions. The private half is a JWK in JSON and leaves only sealed or into a signature. */
export interface KeyPair {
  readonly key: CredentialKey;
  readonly privateKey: Secret;
}

/** For RSA; RFC 7518 §3.3 asks for 2048 at least (CONFORMANCE A27). */
const MODULUS_LENGTH = 3072;

/** Makes a key pair with the platform's own randomness. */
export async function generateKeyPair(algorithm: SigningAlgorithm): Promise<KeyPair> {
  const pair = await generate(algorithm, { extractable: true, modulusLength: MODULUS_LENGTH });
  return keyPairOf(await exportJWK(pair.publicKey), await exportJWK(pair.privateKey), algorithm);
}

/** Names both halves alike and for one algorithm. The public half has public members only (CONFORMANCE B81). */
export async function keyPairOf(publicHalf: JWK, privateHalf: JWK, algorithm: string): Promise<KeyPair> {
  const kid = await keyIdentifier(publicHalf);
  const naming = { kid, alg: algorithm, use: 'sig' };
  return {
    key: { kid, algorithm, publicKey: { ...publicMembers(publicHalf), ...naming } },
    privateKey: new Secret(JSON.stringify({ ...privateHalf, ...naming })),
  };
}

/** RFC 7638: SHA-256 over the required members in lexical order, base64url. */
export function keyIdentifier(publicKey: JWK): Promise<string> {
  return calculateJwkThumbprint(publicKey, 'sha256');
}

function publicMembers({ kty, crv, x, y, n, e }: JWK): JWK {
  switch (kty) {
    case 'RSA':
      return { kty, n, e };
    case 'EC':
      return { kty, crv, x, y };
    default:
      return { kty, crv, x };
  }
}
