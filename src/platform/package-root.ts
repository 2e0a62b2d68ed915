import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of Corridor's package.json, found upwards from the module that asks (its import.meta.url), so that files that ship beside
 * the code (migrations, starter policies, the policy compiler) are found from src/ and from dist/, whatever the working directory is.
 */
export function packageRoot(moduleUrl: string): string {
  let folder = path.dirname(fileURLToPath(moduleUrl));
  while (!isCorridor(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error(`${fileURLToPath(moduleUrl)} lies in no copy of Corridor: its package.json is missing.`);
    folder = parent;
  }
  return folder;
}

function isCorridor(file: string): boolean {
  if (!existsSync(file)) return false;
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === 'corridor';
}
