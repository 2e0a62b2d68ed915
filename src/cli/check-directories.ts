import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { hasLocalKeyFile, KeyFileUnusable } from '../platform/keys/local-key-file.js';
import type { ConfiguredPaths } from './configured-paths.js';

export interface CheckedDirectories {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** What lies, or does not lie, where the settings say. Makes nothing. */
export async function checkDirectories(paths: ConfiguredPaths, usesPostgres: boolean): Promise<CheckedDirectories> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const { dataDirectory, secretDirectory } = paths;
  if (secretDirectory !== null && !isDirectory(secretDirectory)) {
    problems.push(`CORRIDOR_SECRET_DIR names ${secretDirectory}, which is ${existsSync(secretDirectory) ? 'no directory' : 'not there'}.`);
  }
  if (existsSync(dataDirectory) && !isDirectory(dataDirectory)) {
    problems.push(`${dataDirectory} is not a directory: move it away, or set CORRIDOR_DATA_DIR.`);
  }
  if (usesPostgres && existsSync(path.join(dataDirectory, 'db'))) {
    warnings.push(`${dataDirectory} holds an embedded database, which is not used while CORRIDOR_DATABASE_URL is set.`);
  }
  const keyFile = path.join(dataDirectory, 'keys', 'seal.key');
  try {
    if (!(await hasLocalKeyFile(keyFile)) && usesPostgres) {
      warnings.push(`There is no ${keyFile}: a start makes one, which opens nothing that the database has from before or from elsewhere.`);
    }
  } catch (error) {
    if (!(error instanceof KeyFileUnusable)) throw error;
    if (isDirectory(dataDirectory)) problems.push(error.message);
  }
  return { problems, warnings };
}

function isDirectory(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}
