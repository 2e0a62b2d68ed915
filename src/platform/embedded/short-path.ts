import { mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** macOS takes 103 bytes of path for a socket, Linux 107. */
const LONGEST = 100;

/** Calls `use` with a path to the directory that leaves room for `name` in the address of a socket: a link to it where its own is too long. */
export async function withShortPath<T>(directory: string, name: string, use: (directory: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path.join(directory, name)) <= LONGEST) return use(directory);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'corridor-'));
  try {
    const link = path.join(folder, 'd');
    await symlink(directory, link);
    return await use(link);
  } finally {
    await rm(folder, { recursive: true });
  }
}
