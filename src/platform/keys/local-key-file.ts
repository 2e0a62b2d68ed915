import { hkdfSync } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { KeyEncryptionKey } from '../../credentials/key-encryption-key.js';
import type { Randomness } from '../../oauth/identifier.js';
import { LocalKeyEncryptionKey } from './local-key-encryption-key.js';
import { systemErrorCode } from './system-error.js';

/** The key file cannot be used, and nothing can be sealed or opened: the message says why and what to do. */
export class KeyFileUnusable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyFileUnusable';
  }
}

/** What is derived from the one key in the file, each for its own use. */
export interface LocalKeys {
  readonly keyEncryptionKey: KeyEncryptionKey;
  /** For keyed digests of secrets. */
  readonly digestKey: Uint8Array;
}

const FORMAT = /^corridor-key-1 ([A-Za-z0-9_-]{43})\n$/;

/**
 * Reads the key file, or makes it when there is none: mode 0600, on disk before it is used, whole or not at all.
 * Whoever has this file and the database has every secret (SECURITY.md).
 * @throws KeyFileUnusable
 */
export async function openLocalKeyFile(file: string, randomness: Randomness): Promise<LocalKeys> {
  const key = keyIn(file, (await readKeyFile(file)) ?? (await makeKeyFile(file, randomness)));
  return { keyEncryptionKey: new LocalKeyEncryptionKey(derive(key, 'key encryption')), digestKey: derive(key, 'keyed digest') };
}

/** Whether there is a key file. Makes none. @throws KeyFileUnusable as opening it would */
export async function hasLocalKeyFile(file: string): Promise<boolean> {
  const text = await readKeyFile(file);
  if (text === null) return false;
  keyIn(file, text);
  return true;
}

function keyIn(file: string, text: string): Buffer {
  const encoded = FORMAT.exec(text)?.[1];
  if (encoded !== undefined) return Buffer.from(encoded, 'base64url');
  throw new KeyFileUnusable(
    `${file} is no key file of Corridor: put the right one back; without it nothing that was sealed can be opened.`,
  );
}

function derive(key: Buffer, use: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', `corridor ${use} 1`, 32));
}

async function readKeyFile(file: string): Promise<string | null> {
  // a link, or a pipe that would block, is not followed
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw new KeyFileUnusable(
      `${file} cannot be opened (${systemErrorCode(error)}): make it a regular file that only Corridor's user can read.`,
      {
        cause: error,
      },
    );
  });
  if (handle === null) return null;
  try {
    requirePrivate(file, await handle.stat());
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function requirePrivate(file: string, stats: Stats): void {
  if (!stats.isFile() || stats.size > 1024)
    throw new KeyFileUnusable(`${file} is no key file of Corridor: it must be a small regular file.`);
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new KeyFileUnusable(
    `${file} can be read or changed by others (mode ${mode.toString(8)}): run chmod 600 on it, and replace what it protects if others had access.`,
  );
}

/** Written under another name first, so that a crash leaves no half of a key; a link is made to one name only once. */
async function makeKeyFile(file: string, randomness: Randomness): Promise<string> {
  const directory = path.dirname(file);
  const draft = `${file}.${Buffer.from(randomness.bytes(8)).toString('hex')}`;
  const text = `corridor-key-1 ${Buffer.from(randomness.bytes(32)).toString('base64url')}\n`;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeDurably(draft, text);
    await link(draft, file);
    await unlink(draft);
    await syncDirectory(directory);
    return text;
  } catch (error) {
    await unlink(draft).catch(() => undefined);
    const made = systemErrorCode(error) === 'EEXIST' ? await readKeyFile(file) : null;
    if (made !== null) return made;
    throw new KeyFileUnusable(
      `${file} cannot be made (${systemErrorCode(error)}): make its directory one that Corridor's user can write to.`,
      {
        cause: error,
      },
    );
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
