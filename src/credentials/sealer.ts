import type { Secret } from '../oauth/secret.js';

/**
 * Keeps secrets at rest. A sealed text can be opened only with the same `context`, which names the row that holds it,
 * so that a sealed text copied to another row is useless.
 *
 * seal MUST use authenticated encryption with a nonce that is never used twice under one key.
 * open MUST throw when the bytes or the context differ from what was sealed, and its error MUST NOT quote either.
 */
export abstract class Sealer {
  abstract seal(context: string, secret: Secret): Uint8Array;
  abstract open(context: string, sealed: Uint8Array): Secret;
}
