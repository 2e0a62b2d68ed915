import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type GatedModule, ModuleCache } from '../../policy/module-cache.js';

const description = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  reads_counters: z.record(z.string(), z.boolean()),
});

/**
 * Modules as files: `<key>.wasm`, and beside it `<key>.json`, which is written last, holds the module's own SHA-256 and so
 * makes it count. What is damaged counts as not there, and is made anew.
 */
export class ModuleDirectory extends ModuleCache {
  constructor(private readonly directory: string) {
    super();
  }

  async get(key: string): Promise<GatedModule | null> {
    try {
      const described = description.parse(JSON.parse(await readFile(this.#path(key, 'json'), 'utf8')));
      const module = await readFile(this.#path(key, 'wasm'));
      return sha256(module) === described.sha256 ? { module, readsCounters: described.reads_counters } : null;
    } catch {
      return null;
    }
  }

  async put(key: string, { module, readsCounters }: GatedModule): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await writeWhole(this.#path(key, 'wasm'), module);
      await writeWhole(this.#path(key, 'json'), JSON.stringify({ sha256: sha256(module), reads_counters: readsCounters }));
    } catch {
      // no room, no right to write: the next start compiles again
    }
  }

  #path(key: string, kind: 'wasm' | 'json'): string {
    return join(this.directory, `${key}.${kind}`);
  }
}

/** Readers see the old file or the new one, never half of one. */
async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: 'wx' });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
