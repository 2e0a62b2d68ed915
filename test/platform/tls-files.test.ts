import { chmod, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from '../../src/platform/journal.js';
import { readPair, TlsFiles, type ReadPair } from '../../src/platform/tls-files.js';
import { createAuthority, type Certified } from '../rig/certificates.js';

const authority = createAuthority('an authority');
const DAY = 86_400_000;

let directory: string;
let files: { cert: string; key: string };
let lines: string[];
let journal: Journal;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-tls-'));
  files = { cert: path.join(directory, 'tls.crt'), key: path.join(directory, 'tls.key') };
  lines = [];
  journal = new Journal((line) => lines.push(line));
});
afterEach(() => rm(directory, { recursive: true }));

async function put({ cert, key }: Certified): Promise<void> {
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
}

const other = (): Certified => authority.certify('corridor.test');

describe('the files for https', () => {
  it('are read with the chain that stands in them, also through links as platforms mount secrets', async () => {
    const { cert, key } = authority.certify('corridor.test');
    await put({ cert: cert + authority.cert, key });
    const linked = { cert: path.join(directory, 'link.crt'), key: path.join(directory, 'link.key') };
    await symlink(files.cert, linked.cert);
    await symlink(files.key, linked.key);
    await chmod(files.key, 0o640);
    expect(await readPair(linked)).toMatchObject({ cert: cert + authority.cert, key });
  });

  it.each([
    ['there is no key', () => rm(files.key), /^CORRIDOR_TLS_KEY: .*tls\.key cannot be read \(ENOENT\)\.$/],
    ['others can read the key', () => chmod(files.key, 0o604), /^CORRIDOR_TLS_KEY: .*mode 604.*chmod 600/],
    ['the group can change the key', () => chmod(files.key, 0o620), /mode 620/],
    ['the certificate is none', () => writeFile(files.cert, 'nothing'), /^CORRIDOR_TLS_CERT: .* holds no certificate in PEM\.$/],
    ['the key is none', () => writeFile(files.key, 'nothing'), /^CORRIDOR_TLS_KEY: .* holds no private key in PEM/],
    ['they do not belong together', () => writeFile(files.key, other().key), /is not the one of the first certificate/],
    [
      'the certificate has ended',
      () => put(authority.certify('corridor.test', new Date(Date.now() - 1000))),
      /ended at \d{4}-.*put a new one/,
    ],
    [
      'the certificate is not yet valid',
      () => put(authority.certify('corridor.test', new Date(Date.now() + 40 * DAY))),
      /is valid only from \d{4}-/,
    ],
    ['the certificate is a directory', () => rm(files.cert).then(() => symlink(directory, files.cert)), /small regular file/],
  ])('are refused when %s', async (_, spoil, message) => {
    await put(authority.certify('corridor.test'));
    await spoil();
    await expect(readPair(files)).rejects.toThrow(message);
  });

  it('never show the key in what is said of them', async () => {
    const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await put({ cert: authority.certify('corridor.test').cert, key });
    const failure: unknown = await readPair(files).catch((error: unknown) => error);
    expect(String(failure)).not.toContain(key.split('\n')[1]);
  });
});

describe('files that are replaced', () => {
  it('are taken up, and an unusable pair leaves the one before it in use and is an alarm, once', async () => {
    const first = authority.certify('corridor.test');
    await put(first);
    const used: ReadPair[] = [];
    const opened = await TlsFiles.open(files, journal);
    lines.length = 0;
    opened.follow((pair) => used.push(pair));
    try {
      await opened.look();
      expect(used).toEqual([]);

      const second = authority.certify('corridor.test');
      await writeFile(files.cert, second.cert);
      await opened.look();
      await opened.look();
      expect(used).toEqual([]);
      expect(opened.pair).toMatchObject(first);
      expect(lines.filter((line) => line.includes('"tls_pair_refused"'))).toHaveLength(1);

      await writeFile(`${files.key}.new`, second.key, { mode: 0o600 });
      await rename(`${files.key}.new`, files.key);
      process.emit('SIGHUP');
      await opened.look();
      expect(used).toEqual([expect.objectContaining(second)]);
      expect(opened.pair).toMatchObject(second);
      expect(lines.join('')).toContain('"tls_pair_changed"');

      await rm(files.cert);
      await opened.look();
      expect(opened.pair).toMatchObject(second);
      expect(lines.filter((line) => line.includes('"tls_pair_refused"'))).toHaveLength(2);
    } finally {
      opened.stop();
    }
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  it('are asked for two weeks before the certificate ends, once a day', async () => {
    await put(authority.certify('corridor.test', new Date(Date.now() + 13 * DAY)));
    const opened = await TlsFiles.open(files, journal);
    await opened.look();
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ level: 'warning', event: 'tls_certificate_expires', do: expect.stringContaining(files.cert) }),
    ]);
    lines.length = 0;
    await put(authority.certify('corridor.test', new Date(Date.now() + 15 * DAY)));
    expect((await TlsFiles.open(files, journal)).pair.validTo).toBeGreaterThan(Date.now() + 14 * DAY);
    expect(lines).toEqual([]);
  });
});
