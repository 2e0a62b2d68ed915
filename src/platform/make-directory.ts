import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemErrorCode } from './keys/system-error.js';

/**
 * Makes a directory, and those above it, unless it is there. Node's own `recursive` takes each ENOENT for a parent that is lacking, and
 * so never comes to an end below /proc, where nothing can be made.
 */
export async function makeDirectory(directory: string, mode: number): Promise<void> {
  if (await isDirectory(directory)) return;
  const parent = path.dirname(directory);
  if (parent !== directory) await makeDirectory(parent, mode);
  try {
    await mkdir(directory, { mode });
  } catch (error) {
    if (!(await isDirectory(directory))) throw error; // another process was faster
  }
}

async function isDirectory(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error))) return false;
    throw error;
  }
}
