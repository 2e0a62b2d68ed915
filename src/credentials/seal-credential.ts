import type { NewCredential } from './plan-credentials.js';
import { sealingContext, type SealedCredential } from './sealed-credential.js';
import type { Sealer } from './sealer.js';

/** Makes a new version ready to be kept. */
export function sealCredential(credential: NewCredential, sealer: Sealer): SealedCredential {
  const { id, client, method, issuer, key, keyedDigest, secret } = credential;
  return { id, client, method, issuer, key, keyedDigest, sealed: sealer.seal(sealingContext(id), secret) };
}
