import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ModuleDirectory } from '../../src/platform/evaluation/module-cache.js';

const gated = { module: new Uint8Array([0, 97, 115, 109, 1, 2, 3, 250]), readsCounters: { 'corridor/token/decision': true } };

describe('the cache of compiled policies', () => {
  let parent: string;
  let directory: string;
  let cache: ModuleDirectory;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'corridor-modules-'));
    directory = join(parent, 'cache', 'policies');
    cache = new ModuleDirectory(directory);
  });

  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('gives back what was put into it, also after a restart', async () => {
    expect(await cache.get('k1')).toBeNull();
    await cache.put('k1', gated);
    const kept = await new ModuleDirectory(directory).get('k1');
    expect(kept?.readsCounters).toEqual(gated.readsCounters);
    expect([...(kept?.module ?? [])]).toEqual([...gated.module]);
    expect(await cache.get('k2')).toBeNull();
  });

  it('gives nothing that is damaged, and takes it anew', async () => {
    const wasm = join(directory, 'k1.wasm');
    const json = join(directory, 'k1.json');
    const damages = [
      () => truncate(wasm, 3),
      () => writeFile(wasm, Buffer.from([0, 97, 115, 109, 1, 2, 3, 251])),
      () => rm(wasm),
      () => rm(json),
      () => truncate(json, 10),
      async () => writeFile(json, (await readFile(json, 'utf8')).replace('true', '"yes"')),
    ];
    for (const damage of damages) {
      await cache.put('k1', gated);
      expect(await cache.get('k1')).not.toBeNull();
      await damage();
      expect(await cache.get('k1')).toBeNull();
    }
  });

  it('is readable by its owner alone, and leaves nothing half written behind', async () => {
    await Promise.all(Array.from({ length: 10 }, () => cache.put('k1', gated)));
    expect((await readdir(directory)).sort()).toEqual(['k1.json', 'k1.wasm']);
    expect((await stat(join(directory, 'k1.wasm'))).mode & 0o777).toBe(0o600);
    expect(await cache.get('k1')).not.toBeNull();
  });

  it('goes without when there is no place to write to', async () => {
    await writeFile(join(parent, 'cache'), 'a file where a folder should be');
    await cache.put('k1', gated);
    expect(await cache.get('k1')).toBeNull();
  });
});
