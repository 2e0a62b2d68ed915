/** In bytes. */
export const LONGEST_SECRET = 65_536;

/** What was read, or what is the matter: the rest of a sentence that begins with the file, and never quotes what it holds. */
export type SecretText = { readonly text: string } | { readonly problem: string };

export const tooLong = { problem: 'is longer than 64 KiB: no secret is' } as const;
export const notRegular = { problem: 'is no regular file: let it name one' } as const;

/** The secret in a file: its text, without the one line end that editors add. */
export function secretText(bytes: Uint8Array): SecretText {
  if (bytes.length > LONGEST_SECRET) return tooLong;
  const decoded = decode(bytes);
  if (decoded === null) return { problem: 'is no UTF-8 text: write the secret, or the key as PEM or JWK, as text' };
  const text = decoded.replace(/\r?\n$/, '');
  return text === '' ? { problem: 'is empty: put the secret into it' } : { text };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
