import { createHmac } from 'node:crypto';
import type { Secret } from '../oauth/secret.js';

/**
 * HMAC-SHA-256 of a secret (hex), by which a change is noticed without keeping the secret: without the key, a digest that leaks
 * cannot be used to try guesses.
 */
export function keyedDigest(secret: Secret, key: Uint8Array): string {
  return createHmac('sha256', key).update(secret.reveal(), 'utf8').digest('hex');
}
