import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KeyFileUnusable, openLocalKeyFile } from '../../src/platform/keys/local-key-file.js';

const randomness = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'corridor-keys-'));
});
afterEach(() => rm(directory, { recursive: true }));

const file = () => path.join(directory, 'data', 'sealing.key');
const refusal = () =>
  openLocalKeyFile(file(), randomness).then(
    () => null,
    (error: unknown) => error,
  );

describe('the local key file', () => {
  it('is made at the first start, for its owner alone, with nothing left beside it', async () => {
    await openLocalKeyFile(file(), randomness);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(file()))).mode & 0o777).toBe(0o700);
    expect(await readdir(path.dirname(file()))).toEqual(['sealing.key']);
    expect(await readFile(file(), 'utf8')).toMatch(/^corridor-key-1 [\w-]{43}\n$/);
  });

  it('gives the same keys at every start, and other keys elsewhere', async () => {
    const first = await openLocalKeyFile(file(), randomness);
    const again = await openLocalKeyFile(file(), randomness);
    const other = await openLocalKeyFile(path.join(directory, 'other.key'), randomness);
    expect(again.keyEncryptionKey.id).toBe(first.keyEncryptionKey.id);
    expect(again.digestKey).toEqual(first.digestKey);
    expect(Buffer.from(again.keyEncryptionKey.unwrap(first.keyEncryptionKey.wrap(Buffer.from('key')))).toString()).toBe('key');
    expect(other.keyEncryptionKey.id).not.toBe(first.keyEncryptionKey.id);
    expect(other.digestKey).not.toEqual(first.digestKey);
  });

  it('tells nothing of the key in its name', async () => {
    const { keyEncryptionKey } = await openLocalKeyFile(file(), randomness);
    expect(keyEncryptionKey.id).toMatch(/^local-[0-9a-f]{16}$/);
  });

  it('is one for all who make it at the same time', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => openLocalKeyFile(file(), randomness)));
    expect(new Set(keys.map(({ keyEncryptionKey }) => keyEncryptionKey.id)).size).toBe(1);
    expect(await readdir(path.dirname(file()))).toEqual(['sealing.key']);
  });

  it.each([0o640, 0o604, 0o660, 0o644])('is refused when others can reach it (mode %d in decimal)', async (mode) => {
    await openLocalKeyFile(file(), randomness);
    const before = await readFile(file(), 'utf8');
    await chmod(file(), mode);
    const error = await refusal();
    expect(error).toBeInstanceOf(KeyFileUnusable);
    expect(String(error)).toContain(`can be read or changed by others (mode ${mode.toString(8)}): run chmod 600 on it`);
    expect(await readFile(file(), 'utf8')).toBe(before);
  });

  it('is refused when it holds something else, which is neither repeated nor replaced', async () => {
    await openLocalKeyFile(file(), randomness);
    for (const text of ['', 'corridor-key-1 c4n4ry\n', 'c4n4ry'.repeat(10)]) {
      await writeFile(file(), text);
      const error = await refusal();
      expect(String(error)).toContain('is no key file of Corridor: put the right one back');
      expect(String(error)).not.toContain('c4n4ry');
      expect(await readFile(file(), 'utf8')).toBe(text);
    }
  });

  it('is refused when it is a link, or no file', async () => {
    const target = path.join(directory, 'target.key');
    await openLocalKeyFile(target, randomness);
    await symlink(target, path.join(directory, 'link.key'));
    await expect(openLocalKeyFile(path.join(directory, 'link.key'), randomness)).rejects.toBeInstanceOf(KeyFileUnusable);
    await expect(openLocalKeyFile(directory, randomness)).rejects.toBeInstanceOf(KeyFileUnusable);
  });

  it('says so when it cannot be made', async () => {
    await writeFile(path.join(directory, 'data'), 'a file where the directory belongs');
    expect(String(await refusal())).toMatch(/sealing\.key cannot be (opened|made) \(ENOTDIR|EEXIST\)/);
  });
});
