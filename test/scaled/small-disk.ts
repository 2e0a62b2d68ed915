import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A directory whose disk holds so many megabytes; only root can make one. @throws when it cannot be mounted */
export async function smallDisk(megabytes: number): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = mkdtempSync(join(tmpdir(), 'corridor-small-disk-'));
  const run = promisify(execFile);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'tmpfs', path]);
  } catch (error) {
    rmSync(path, { recursive: true });
    throw error;
  }
  return {
    path,
    remove: async () => {
      await run('umount', [path]);
      rmSync(path, { recursive: true });
    },
  };
}
