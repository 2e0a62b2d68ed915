import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { JWK } from 'jose';
import { z } from 'zod';
import type { KeyPair } from './key-pair.js';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

/** How a key of each type signs its own certificate, in the words of Web Cryptography. */
const signatures = {
  EC: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  OKP: { name: 'Ed25519' },
} as const;
const keyType = z.enum(['EC', 'RSA', 'OKP']);

/**
 * Gives a key pair a certificate that nobody but the pair itself vouches for (RFC 8705 §2.2); its server learns it from the client's
 * keys. It lives for twice the time after which the key is to be replaced, and for a year at least, so that a late rotation breaks
 * nothing. `subject` is an identifier of the catalogue: what has quotation marks or is longer than 64 characters (RFC 5280 §A.1) may come
 * out otherwise. Times in milliseconds.
 */
export async function withOwnCertificate(pair: KeyPair, subject: string, now: number, replacedAfter: number): Promise<KeyPair> {
  // it takes long to load, and most clients need no certificate
  const { X509CertificateGenerator } = await import('@peculiar/x509');
  const privateHalf = z.looseObject({ kty: keyType }).parse(JSON.parse(pair.privateKey.reveal()));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [subject] }],
    notBefore: new Date(now - HOUR),
    notAfter: new Date(now + Math.max(2 * replacedAfter, YEAR)),
    keys: { publicKey: await imported(pair.key.publicKey, 'verify'), privateKey: await imported(privateHalf, 'sign') },
    signingAlgorithm: signatures[privateHalf.kty],
  });
  const x5c = [Buffer.from(certificate.rawData).toString('base64')];
  return { ...pair, key: { ...pair.key, publicKey: { ...pair.key.publicKey, x5c } } };
}

/** The key's own algorithm is for assertions; a certificate is signed with what its type has for that. */
function imported(half: JWK, use: 'sign' | 'verify'): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('jwk', { ...half, alg: undefined }, signatures[keyType.parse(half.kty)], true, [use]);
}
