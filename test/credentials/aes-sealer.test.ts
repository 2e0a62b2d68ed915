import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { AesSealer } from '../../src/credentials/aes-sealer.js';
import { parseEnvelope, SealBroken } from '../../src/credentials/envelope.js';
import { Secret } from '../../src/oauth/secret.js';
import { LocalKeyEncryptionKey } from '../../src/platform/keys/local-key-encryption-key.js';

const randomness = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const newKey = () => new LocalKeyEncryptionKey(randomBytes(32));
const context = 'credential cre01';

function refusal(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe('what is sealed', () => {
  it('opens again in its own place, whatever the text', () => {
    const sealer = new AesSealer(newKey(), randomness);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string(),
        (text, place) => sealer.open(place, sealer.seal(place, new Secret(text))).reveal() === text,
      ),
    );
  });

  it('opens after a restart, and for another process with the same key', () => {
    const key = newKey();
    const sealed = new AesSealer(key, randomness).seal(context, new Secret('a secret'));
    expect(new AesSealer(key, randomness).open(context, sealed).reveal()).toBe('a secret');
  });

  it('does not open in another place', () => {
    const sealer = new AesSealer(newKey(), randomness);
    const sealed = sealer.seal(context, new Secret('a secret'));
    for (const place of ['credential cre02', '', 'credential cre011'])
      expect(refusal(() => sealer.open(place, sealed))).toBeInstanceOf(SealBroken);
  });

  it('does not open after any bit of it was changed, nor when it was cut or lengthened', () => {
    const sealer = new AesSealer(newKey(), randomness);
    const sealed = sealer.seal(context, new Secret('a secret'));
    for (let place = 0; place < sealed.length * 8; place++) {
      const changed = Uint8Array.from(sealed);
      changed[place >> 3]! ^= 1 << (place & 7);
      expect(refusal(() => sealer.open(context, changed))).toBeInstanceOf(SealBroken);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(refusal(() => sealer.open(context, sealed.subarray(0, length)))).toBeInstanceOf(SealBroken);
    expect(refusal(() => sealer.open(context, Buffer.concat([sealed, Buffer.alloc(1)])))).toBeInstanceOf(SealBroken);
  });

  it('does not open under another key, and says that the key is another', () => {
    const sealed = new AesSealer(newKey(), randomness).seal(context, new Secret('a secret'));
    const error = refusal(() => new AesSealer(newKey(), randomness).open(context, sealed));
    expect(error).toBeInstanceOf(SealBroken);
    expect(String(error)).toContain('another key than the one in use here');
  });

  it('does not open for bytes that are no seal at all', () => {
    const sealer = new AesSealer(newKey(), randomness);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refusal(() => sealer.open(context, bytes)) instanceof SealBroken));
  });

  it('shows neither the text nor the place in what is stored, nor in an error', () => {
    const sealer = new AesSealer(newKey(), randomness);
    const sealed = Buffer.from(sealer.seal('place-c4n4ry', new Secret('text-c4n4ry')));
    expect(sealed.includes('c4n4ry')).toBe(false);
    const error = refusal(() => sealer.open('other-c4n4ry', sealed));
    expect(inspect(error)).not.toContain('c4n4ry');
    expect(inspect(error)).not.toContain(sealed.toString('base64').slice(0, 40));
  });

  it('never uses a nonce twice under one data key, and changes the data key after its uses', () => {
    const key = newKey();
    const sealer = new AesSealer(key, randomness, 10);
    const envelopes = Array.from({ length: 25 }, () => parseEnvelope(sealer.seal(context, new Secret('same'))));
    const pairs = envelopes.map(({ wrappedKey, nonce }) => `${wrappedKey.toString('hex')} ${nonce.toString('hex')}`);
    expect(new Set(pairs).size).toBe(25);
    expect(new Set(envelopes.map(({ wrappedKey }) => wrappedKey.toString('hex'))).size).toBe(3);
    expect(new Set(envelopes.map(({ ciphertext }) => ciphertext.toString('hex'))).size).toBe(25);
  });

  it('asks for a data key to be unwrapped once, not for each text', () => {
    const key = newKey();
    const writer = new AesSealer(key, randomness);
    const sealed = Array.from({ length: 20 }, (_, number) => writer.seal(context, new Secret(`text ${number}`)));
    let unwrapped = 0;
    const counting = {
      id: key.id,
      wrap: (bytes: Uint8Array) => key.wrap(bytes),
      unwrap: (bytes: Uint8Array) => (unwrapped++, key.unwrap(bytes)),
    };
    const reader = new AesSealer(counting, randomness);
    expect(sealed.map((bytes) => reader.open(context, bytes).reveal())).toEqual(sealed.map((_, number) => `text ${number}`));
    expect(unwrapped).toBe(1);
  });
});

describe('the local key-encryption key', () => {
  it('unwraps what it wrapped, and nothing that was changed', () => {
    const key = newKey();
    const wrapped = key.wrap(Buffer.alloc(32, 7));
    expect(Buffer.from(key.unwrap(wrapped)).equals(Buffer.alloc(32, 7))).toBe(true);
    for (const place of [0, 15, wrapped.length - 1]) {
      const changed = Uint8Array.from(wrapped);
      changed[place]! ^= 1;
      expect(() => key.unwrap(changed)).toThrow();
    }
    expect(() => newKey().unwrap(wrapped)).toThrow();
    expect(() => key.unwrap(new Uint8Array(5))).toThrow();
  });
});
