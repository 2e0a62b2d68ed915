import { importJWK, type CryptoKey } from 'jose';
import { z } from 'zod';
import type { KeyCredential } from '../credentials/credential.js';
import { UpstreamFailed } from './upstream-failed.js';

const REMEMBERED = 256;
const privateJwk = z.looseObject({ kty: z.string(), d: z.string() });

/** Private keys made ready for signing, kept by their credential since making them so takes longer than the signature. */
export class SigningKeys {
  readonly #keys = new Map<string, Promise<CryptoKey>>();

  /** @throws UpstreamFailed `credential_unavailable` when it is no private key for its algorithm. */
  of(credential: KeyCredential): Promise<CryptoKey> {
    const known = this.#keys.get(credential.id);
    if (known !== undefined) return known;
    const key = importPrivateKey(credential);
    this.#keys.set(credential.id, key);
    key.catch(() => this.#keys.delete(credential.id));
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > REMEMBERED && oldest !== undefined) this.#keys.delete(oldest);
    return key;
  }
}

/** The cause is not kept: it could quote the key. */
async function importPrivateKey(credential: KeyCredential): Promise<CryptoKey> {
  try {
    const key = await importJWK(privateJwk.parse(JSON.parse(credential.privateKey.reveal())), credential.algorithm);
    if (!(key instanceof Uint8Array)) return key;
  } catch {
    // told below, as for a symmetric key
  }
  throw new UpstreamFailed('credential_unavailable');
}
