/** A sealed text cannot be opened: it was changed, belongs elsewhere, or another key sealed it. Never says what it holds. */
export class SealBroken extends Error {
  constructor(message = 'a sealed text cannot be opened: it was changed, or it was sealed for another place') {
    super(message);
    this.name = 'SealBroken';
  }
}

const VERSION = 1;
const NONCE = 12;
const TAG = 16;

/** Which key opens an envelope, and its own text. */
export interface Envelope {
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  /** The bytes that name the keys, as they stand: they are authenticated with the text. */
  readonly header: Buffer;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** Version (1 byte), length of the key's id (1) and the id, length of the wrapped data key (2, big-endian) and the key. */
export function envelopeHeader(keyId: string, wrappedKey: Uint8Array): Buffer {
  const id = Buffer.from(keyId, 'ascii');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrappedKey.length);
  return Buffer.concat([Buffer.of(VERSION, id.length), id, length, wrappedKey]);
}

/** Reads header, nonce (12 bytes), ciphertext and tag (16). @throws SealBroken */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] !== VERSION) throw new SealBroken();
  const idEnd = 2 + (buffer[1] ?? 0);
  if (buffer.length < idEnd + 2) throw new SealBroken();
  const headerEnd = idEnd + 2 + buffer.readUInt16BE(idEnd);
  if (buffer.length < headerEnd + NONCE + TAG) throw new SealBroken();
  return {
    keyId: buffer.toString('ascii', 2, idEnd),
    wrappedKey: buffer.subarray(idEnd + 2, headerEnd),
    header: buffer.subarray(0, headerEnd),
    nonce: buffer.subarray(headerEnd, headerEnd + NONCE),
    ciphertext: buffer.subarray(headerEnd + NONCE, buffer.length - TAG),
    tag: buffer.subarray(buffer.length - TAG),
  };
}

/** What is authenticated beside the text: version and keys, then the place that it belongs to. The header tells its own length. */
export function associatedText(header: Uint8Array, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}
