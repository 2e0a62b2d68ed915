import { chmod, mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { makeDirectory } from '../make-directory.js';
import { PlatformUnusable } from '../platform-unusable.js';
import { DirectoryLock, DirectoryTaken } from './directory-lock.js';

/** `.corridor/`: database, keys and caches. Only its owner can read it. */
export interface DataDirectory {
  /** Absolute, without links. */
  readonly path: string;
  /** Lets another process have it. */
  close(): Promise<void>;
}

export interface DataDirectoryOptions {
  /** Whether this process must be alone with it, as it must be with an embedded database. */
  readonly exclusive: boolean;
}

/** Makes the directory if need be, and takes it. @throws PlatformUnusable when another process has it, or it cannot be used */
export async function openDataDirectory(directory: string, { exclusive }: DataDirectoryOptions): Promise<DataDirectory> {
  try {
    await makeDirectory(directory, 0o700);
    const absolute = await realpath(directory);
    for (const part of ['keys', 'cache', 'lock']) await ownDirectory(path.join(absolute, part));
    const lock = exclusive ? await DirectoryLock.take(path.join(absolute, 'lock')) : null;
    return { path: absolute, close: async () => lock?.release() };
  } catch (error) {
    throw new PlatformUnusable(reason(directory, error), { cause: error });
  }
}

/** The directory itself may be one that an administrator made for others to see into; these parts are only ours. */
async function ownDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
}

function reason(directory: string, error: unknown): string {
  if (error instanceof DirectoryTaken) {
    return `Another Corridor (process ${error.pid}) is using ${directory}: stop it, or set CORRIDOR_DATA_DIR to a directory of its own.`;
  }
  const { code, message } = error as NodeJS.ErrnoException; // all else that can be thrown here comes from the file system
  if (code === 'EEXIST' || code === 'ENOTDIR') return `${directory} is not a directory: move it away, or set CORRIDOR_DATA_DIR.`;
  if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') {
    return `The file system of ${directory} has no Unix sockets, with which Corridor guards it: set CORRIDOR_DATA_DIR to a local directory.`;
  }
  return `${directory} cannot be used: ${message}`;
}
