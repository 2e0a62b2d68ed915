import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { z } from 'zod';
import type { SigningAlgorithm } from '../catalogue/client-methods.js';
import type { Secret } from '../oauth/secret.js';
import { certificateProblem, certificatesIn, certificatesOf, x5cOf } from './certificates.js';
import { keyPairOf, type KeyPair } from './key-pair.js';

/** A referenced text is no key that assertions can be signed with. The message says why, and quotes nothing of it. */
export class KeyUnusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyUnusable';
  }
}

const jwk = z.looseObject({ kty: z.string(), alg: z.string().optional(), use: z.string().optional() });

const jwkWithCertificates = z.object({ x5c: z.array(z.string()).optional().catch(['']) });

const exported = z.object({ kty: z.string(), crv: z.string().optional(), x: z.string().optional(), y: z.string().optional() }).loose();

/** How a key is to be read. `now` in milliseconds. */
export interface KeyReading {
  readonly algorithm?: SigningAlgorithm;
  /** Whether its certificates are wanted too, in PEM behind the key or as `x5c` of the JWK. */
  readonly certified?: { readonly now: number };
}

/**
 * Reads a private key that someone else made: a JWK (RFC 7517) or a PEM. It serves one algorithm (CONFORMANCE A27): the one that
 * the client names, else the JWK's own, else ES256, EdDSA or, for RSA, PS256 by its type.
 * @throws KeyUnusable
 */
export async function readReferencedKey(text: Secret, { algorithm: wanted, certified }: KeyReading = {}): Promise<KeyPair> {
  const { key, declared } = parseKey(text.reveal().trim());
  const possible = algorithmsOf(key);
  const algorithm = possible.find((each) => each === (wanted ?? declared ?? possible[0]));
  if (algorithm === undefined || (declared !== null && declared !== algorithm)) {
    throw new KeyUnusable(`the key is good for ${possible.join(' or ')} and not for the algorithm that was named`);
  }
  const pair = await pairOf(key, algorithm);
  return certified === undefined ? pair : withCertificates(pair, key, text.reveal(), certified.now);
}

/**
 * Reads the private key and the certificate of a connection (RFC 8705 §2). No assertion is signed with it, so that TLS alone says what
 * the key may be.
 * @throws KeyUnusable
 */
export async function readReferencedCertificate(text: Secret, now: number): Promise<KeyPair> {
  const { key } = parseKey(text.reveal().trim());
  return withCertificates(await pairOf(key, tlsAlgorithmOf(key)), key, text.reveal(), now);
}

async function pairOf(key: KeyObject, algorithm: string): Promise<KeyPair> {
  const publicKey = createPublicKey(key);
  requirePair(key, publicKey);
  return keyPairOf(jwkOf(publicKey), jwkOf(key), algorithm);
}

function withCertificates(pair: KeyPair, key: KeyObject, text: string, now: number): KeyPair {
  const certificates = text.trimStart().startsWith('{')
    ? certificatesOf(jwkWithCertificates.parse(JSON.parse(text)))
    : certificatesIn(text);
  if (certificates === 'broken')
    throw new KeyUnusable('a certificate beside the key cannot be read: it must be X.509 in PEM, or in the x5c of a JWK');
  if (certificates.length === 0)
    throw new KeyUnusable('the key has no certificate: put it behind the key, in PEM, or into the x5c of the JWK');
  const problem = certificateProblem(certificates, key, now);
  if (problem !== null) throw new KeyUnusable(problem);
  return { ...pair, key: { ...pair.key, publicKey: { ...pair.key.publicKey, x5c: x5cOf(certificates) } } };
}

function parseKey(text: string): { key: KeyObject; declared: string | null } {
  try {
    if (!text.startsWith('{')) return { key: createPrivateKey({ key: text, format: 'pem' }), declared: null };
    const { alg, use, ...members } = jwk.parse(JSON.parse(text));
    if (use === undefined || use === 'sig') return { key: createPrivateKey({ key: members, format: 'jwk' }), declared: alg ?? null };
  } catch {
    // told below; the cause is not kept, since it could quote the key
  }
  throw new KeyUnusable('the text is no private key for signatures: it must be a JWK, or PKCS #8 in PEM without a password');
}

function algorithmsOf(key: KeyObject): SigningAlgorithm[] {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (namedCurve === 'prime256v1') return ['ES256'];
      throw new KeyUnusable('the key is of a curve that is not used here: make one with P-256');
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    case 'rsa':
      if ((modulusLength ?? 0) >= 2048) return ['PS256', 'RS256'];
      throw new KeyUnusable('the RSA key is shorter than 2048 bits: make a longer one');
    default:
      throw new KeyUnusable('the key is of a type that is not used here: make one for ES256, EdDSA, PS256 or RS256');
  }
}

const curveAlgorithms: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function tlsAlgorithmOf(key: KeyObject): string {
  const algorithm = key.asymmetricKeyType === 'ec' ? curveAlgorithms[key.asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
  return algorithm ?? algorithmsOf(key).at(-1) ?? '';
}

/** A JWK may hold halves that do not belong together: its server would refuse every assertion, and nobody would know why. */
function requirePair(privateKey: KeyObject, publicKey: KeyObject): void {
  const digest = privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const sample = Buffer.from('corridor');
  if (!verify(digest, sample, publicKey, sign(digest, sample, privateKey)))
    throw new KeyUnusable('the two halves of the key do not belong together');
}

function jwkOf(key: KeyObject): JWK {
  return exported.parse(key.export({ format: 'jwk' }));
}
