import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Configuration } from '../config/settings.js';
import { definitions } from '../config/variables.js';
import { PlatformUnusable } from '../platform/platform-unusable.js';
import { readPair } from '../platform/tls-files.js';
import { hasLocalKeyFile, KeyFileUnusable } from '../platform/keys/local-key-file.js';
import { systemErrorCode } from '../platform/keys/system-error.js';
import type { ConfiguredPaths } from './configured-paths.js';

export interface CheckedPaths {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** What lies, or does not lie, where the settings say. Makes nothing. */
export async function checkPaths({ given }: Configuration, { dataDirectory }: ConfiguredPaths, directory: string): Promise<CheckedPaths> {
  const usesPostgres = given.has('CORRIDOR_DATABASE_URL');
  const problems = definitions.flatMap(([name, { names }]) => {
    const found = given.get(name);
    const wrong = found === undefined || names === undefined ? null : wrongWith(path.resolve(directory, found.text), names);
    return wrong === null ? [] : [`${name} names ${wrong}.`];
  });
  const [cert, key] = [given.get('CORRIDOR_TLS_CERT'), given.get('CORRIDOR_TLS_KEY')].map(
    (found) => found && path.resolve(directory, found.text),
  );
  if (cert !== undefined && key !== undefined && problems.length === 0) {
    await readPair({ cert, key }).catch((error: unknown) => {
      if (!(error instanceof PlatformUnusable)) throw error;
      problems.push(error.message);
    });
  }
  const warnings: string[] = [];
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

function wrongWith(file: string, wanted: 'file' | 'directory'): string | null {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return `${file}, which is not there`;
  if (wanted === 'directory' ? !stats.isDirectory() : !stats.isFile()) return `${file}, which is no ${wanted}`;
  try {
    accessSync(file, constants.R_OK);
    return null;
  } catch (error) {
    return `${file}, which cannot be read (${systemErrorCode(error)})`;
  }
}

function isDirectory(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}
