/**
 * The key that wraps data keys, wherever it lies: a file here, a key management service elsewhere.
 *
 * wrap MUST use authenticated encryption. unwrap MUST throw for anything that this key did not wrap, without quoting it.
 * `id` names the key (at most 255 bytes of ASCII), tells nothing about it, and never changes for it.
 */
export abstract class KeyEncryptionKey {
  abstract readonly id: string;
  abstract wrap(dataKey: Uint8Array): Uint8Array;
  abstract unwrap(wrapped: Uint8Array): Uint8Array;
}
