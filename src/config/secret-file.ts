import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { LONGEST_SECRET, notRegular, secretText, tooLong, type SecretText } from './secret-text.js';

/** What a file of a secret gives, and whether everybody on the machine may read it; `mode` in octal digits. */
export type SecretFile = SecretText & { readonly readableByAll: boolean; readonly mode: string };

/** Reads the file of a secret, at the start of a process. Links are followed, as those of a mounted secret must be; a pipe is not waited for. */
export function readSecretFile(file: string): SecretFile {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    const permissions = { readableByAll: (stats.mode & 0o004) !== 0, mode: (stats.mode & 0o777).toString(8) };
    if (!stats.isFile()) return { ...notRegular, ...permissions };
    return { ...(stats.size > LONGEST_SECRET ? tooLong : secretText(readFileSync(descriptor))), ...permissions };
  } catch (error) {
    return { problem: unreadable(error), readableByAll: false, mode: '' };
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function unreadable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException; // all that can be thrown there comes from the file system
  return `cannot be read (${code ?? 'unknown'}): make sure that it is there and that Corridor's user may read it`;
}
