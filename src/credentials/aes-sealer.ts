import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import { associatedText, envelopeHeader, parseEnvelope, SealBroken, type Envelope } from './envelope.js';
import type { KeyEncryptionKey } from './key-encryption-key.js';
import { Sealer } from './sealer.js';

const ALGORITHM = 'aes-256-gcm';

/** Data keys are replaced long before AES-GCM asks for it. */
const USES_OF_A_KEY = 2 ** 20;

/** Data keys of other processes, or of this one before, that are kept unwrapped. */
const KEYS_KEPT = 256;

interface DataKey {
  readonly key: KeyObject;
  readonly header: Buffer;
  uses: number;
}

/**
 * Seals with AES-256-GCM under data keys that are wrapped by a key-encryption key (DESIGN §8).
 * A data key is made by one process and sealed with by no other, so a counter gives nonces that never repeat under it.
 */
export class AesSealer extends Sealer {
  #current: DataKey | null = null;
  readonly #unwrapped = new Map<string, KeyObject>();

  constructor(
    private readonly keyEncryptionKey: KeyEncryptionKey,
    private readonly randomness: Randomness,
    private readonly usesOfAKey = USES_OF_A_KEY,
  ) {
    super();
  }

  seal(context: string, secret: Secret): Uint8Array {
    const { key, header, uses } = this.#take();
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(uses, 6, 6);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(associatedText(header, context));
    const ciphertext = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
    return Buffer.concat([header, nonce, ciphertext, cipher.getAuthTag()]);
  }

  /** @throws SealBroken */
  open(context: string, sealed: Uint8Array): Secret {
    const envelope = parseEnvelope(sealed);
    const decipher = createDecipheriv(ALGORITHM, this.#keyOf(envelope), envelope.nonce, { authTagLength: 16 });
    decipher.setAAD(associatedText(envelope.header, context)).setAuthTag(envelope.tag);
    try {
      return new Secret(Buffer.concat([decipher.update(envelope.ciphertext), decipher.final()]).toString('utf8'));
    } catch {
      throw new SealBroken();
    }
  }

  #take(): DataKey {
    const current = this.#current;
    if (current !== null && current.uses < this.usesOfAKey) {
      current.uses++;
      return current;
    }
    const bytes = this.randomness.bytes(32);
    const wrapped = this.keyEncryptionKey.wrap(bytes);
    const made = { key: keyOf(bytes), header: envelopeHeader(this.keyEncryptionKey.id, wrapped), uses: 1 };
    this.#current = made;
    this.#remember(nameOf(wrapped), made.key);
    return made;
  }

  #keyOf({ keyId, wrappedKey }: Envelope): KeyObject {
    if (keyId !== this.keyEncryptionKey.id) {
      throw new SealBroken('a sealed text cannot be opened: it was sealed under another key than the one in use here');
    }
    const name = nameOf(wrappedKey);
    const known = this.#unwrapped.get(name);
    if (known !== undefined) return known;
    const key = this.#unwrap(wrappedKey);
    this.#remember(name, key);
    return key;
  }

  #unwrap(wrapped: Uint8Array): KeyObject {
    try {
      return keyOf(this.keyEncryptionKey.unwrap(wrapped));
    } catch {
      throw new SealBroken();
    }
  }

  #remember(name: string, key: KeyObject): void {
    this.#unwrapped.set(name, key);
    const [oldest] = this.#unwrapped.keys();
    if (this.#unwrapped.size > KEYS_KEPT && oldest !== undefined) this.#unwrapped.delete(oldest);
  }
}

/** Takes the key over: the bytes are wiped. */
function keyOf(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

function nameOf(wrapped: Uint8Array): string {
  return Buffer.from(wrapped).toString('base64');
}
