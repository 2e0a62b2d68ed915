import { X509Certificate, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates in a PEM text, in their order; `broken` when one of them cannot be read. */
export function certificatesIn(pem: string): readonly X509Certificate[] | 'broken' {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1) return 'broken';
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return 'broken';
  }
}

/** As a JWK holds them (RFC 7517 §4.7). */
export function x5cOf(certificates: readonly X509Certificate[]): string[] {
  return certificates.map(({ raw }) => raw.toString('base64'));
}

/** The certificates of a JWK; `broken` when one of them cannot be read. */
export function certificatesOf({ x5c = [] }: Pick<JWK, 'x5c'>): readonly X509Certificate[] | 'broken' {
  try {
    return x5c.map((each) => new X509Certificate(Buffer.from(each, 'base64')));
  } catch {
    return 'broken';
  }
}

/** Why certificates are none of this key's that could be used now, as a sentence; null when they are. `now` in milliseconds. */
export function certificateProblem([own]: readonly X509Certificate[], key: KeyObject, now: number): string | null {
  if (own?.checkPrivateKey(key) !== true)
    return 'the first certificate must be the one of the private key: put it before those of its issuers';
  if (Date.parse(own.validTo) <= now)
    return `the certificate was valid until ${new Date(own.validTo).toISOString().slice(0, 10)}: have a new one issued`;
  return null;
}
