import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { KeyEncryptionKey } from '../../credentials/key-encryption-key.js';

const ALGORITHM = 'aes-256-gcm';
const PURPOSE = Buffer.from('corridor data key 1');
const NONCE = 12;
const TAG = 16;

/** Wraps data keys with AES-256-GCM under a key of this machine. Few are ever wrapped, so random nonces do. */
export class LocalKeyEncryptionKey extends KeyEncryptionKey {
  readonly id: string;

  constructor(private readonly key: Uint8Array) {
    super();
    this.id = `local-${createHash('sha256').update('corridor key id 1').update(key).digest('hex').slice(0, 16)}`;
  }

  wrap(dataKey: Uint8Array): Uint8Array {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(ALGORITHM, this.key, nonce).setAAD(PURPOSE);
    return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
  }

  unwrap(wrapped: Uint8Array): Uint8Array {
    if (wrapped.length < NONCE + TAG) throw new TypeError('a wrapped key is too short');
    const tag = wrapped.subarray(wrapped.length - TAG);
    const decipher = createDecipheriv(ALGORITHM, this.key, wrapped.subarray(0, NONCE), { authTagLength: TAG });
    decipher.setAAD(PURPOSE).setAuthTag(tag);
    return Buffer.concat([decipher.update(wrapped.subarray(NONCE, wrapped.length - TAG)), decipher.final()]);
  }
}
