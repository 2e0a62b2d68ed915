import { randomBytes } from 'node:crypto';
import type { Randomness } from '../oauth/identifier.js';

const POOL = 8192;

/** The operating system's randomness, fetched in blocks: a byte is never given twice. */
export class SystemRandomness implements Randomness {
  #pool = randomBytes(POOL);
  #used = 0;

  bytes(length: number): Uint8Array {
    if (length > POOL) return randomBytes(length);
    if (this.#used + length > POOL) {
      this.#pool = randomBytes(POOL);
      this.#used = 0;
    }
    const bytes = this.#pool.subarray(this.#used, this.#used + length);
    this.#used += length;
    return bytes;
  }
}
