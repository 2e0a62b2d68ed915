import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/platform/package-root.js';
import { workerFile } from '../../src/platform/worker-file.js';

const root = path.resolve(import.meta.dirname, '../..');
const at = (...parts: string[]): string => pathToFileURL(path.join(root, ...parts)).href;

describe('the package', () => {
  it('is found from the sources and from what was built of them, whatever the working directory is', () => {
    expect(packageRoot(import.meta.url)).toBe(root);
    expect(packageRoot(at('src', 'platform', 'embedded', 'open-embedded.ts'))).toBe(root);
    expect(packageRoot(at('dist', 'main.js'))).toBe(root);
  });

  it('is not that of somebody else', () => {
    expect(packageRoot(at('node_modules', 'zod', 'index.js'))).toBe(root);
    expect(() => packageRoot('file:///nowhere/main.js')).toThrow('/nowhere/main.js lies in no copy of Corridor');
  });
});

describe('the file of a worker', () => {
  it('lies beside the built module that asks for it', () => {
    expect(workerFile(at('dist', 'platform', 'embedded', 'pglite-database.js'), './serve-worker.js')).toBe(
      path.join(root, 'dist', 'platform', 'embedded', 'serve-worker.js'),
    );
  });

  it('is the built one for a module that was loaded from the sources', () => {
    expect(workerFile(at('src', 'platform', 'embedded', 'pglite-database.ts'), './serve-worker.js')).toBe(
      path.join(root, 'dist', 'platform', 'embedded', 'serve-worker.js'),
    );
  });

  it('is asked for with what to do when it was not built', () => {
    expect(() => workerFile(at('src', 'platform', 'worker-file.ts'), './unheard-of.js')).toThrow(
      /unheard-of\.js is missing: build it with "npm run build"/,
    );
  });
});
