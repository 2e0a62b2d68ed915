import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/**
 * An asymmetric key as a JWK, by way of a copy. A key that generateKeyPairSync made must not be exported itself: Node 20 holds the key's lock
 * while it makes the JWK, and should the collector then take what is left of the generation, which wants that lock, the process stands still.
 */
export function jwkOf(key: KeyObject): JsonWebKey {
  const copy =
    key.type === 'private'
      ? createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' }))
      : createPublicKey(key.export({ type: 'spki', format: 'pem' }));
  return copy.export({ format: 'jwk' });
}
