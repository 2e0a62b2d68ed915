import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { claimPrivateFile, writePrivateFile } from '../../src/platform/private-file.js';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-private-'));
  file = path.join(directory, 'secret');
});
afterEach(() => rm(directory, { recursive: true }));

describe('a private file', () => {
  it('is claimed by one of those that try at once, and all of it is there', async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, (_, index) => claimPrivateFile(file, `text ${index}`)));
    expect(claims.filter((claimed) => claimed)).toHaveLength(1);
    expect(await readFile(file, 'utf8')).toBe(`text ${claims.indexOf(true)}`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['secret']);
  });

  it('is written whole by each of those that write at once', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000));
    await Promise.all(texts.map((text) => writePrivateFile(file, text)));
    expect(texts).toContain(await readFile(file, 'utf8'));
    expect(await readdir(directory)).toEqual(['secret']);
  });
});
