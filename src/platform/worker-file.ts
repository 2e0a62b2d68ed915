import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './package-root.js';

/**
 * The file that a worker thread or a child process starts from: `name` (`./serve.js`) beside the module that asks.
 *
 * Node runs no TypeScript: when the module that asks was loaded from src/ (by the tests), the built file in dist/ is meant.
 */
export function workerFile(moduleUrl: string, name: string): string {
  const beside = fileURLToPath(new URL(name, moduleUrl));
  if (!moduleUrl.endsWith('.ts')) return beside;
  const root = packageRoot(moduleUrl);
  const built = path.join(root, 'dist', path.relative(path.join(root, 'src'), beside));
  if (!existsSync(built)) throw new Error(`${built} is missing: build it with "npm run build" ("npm test" builds before it tests).`);
  return built;
}
