import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SecretUnreadable } from '../../src/credentials/secret-references.js';
import { LocalSecretReferences } from '../../src/platform/keys/secret-references.js';

let root: string;
let directory: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'corridor-secrets-'));
  directory = path.join(root, 'secrets');
  await mkdir(directory);
  await writeFile(path.join(root, 'outside'), 'c4n4ry');
});
afterEach(() => rm(root, { recursive: true }));

const environment = { CORRIDOR_CLIENT_CRM: 's3cret\n', CORRIDOR_CLIENT_EMPTY: '', CORRIDOR_KEY: 'c4n4ry', PATH: 'c4n4ry' };
const references = () => new LocalSecretReferences(environment, directory);
const file = async (name: string) => (await references().read({ kind: 'file', path: name })).reveal();

async function refusal(read: Promise<unknown>): Promise<string> {
  const error = await read.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SecretUnreadable);
  expect(String(error)).not.toContain('c4n4ry');
  return String(error);
}

describe('a reference to a variable', () => {
  it('gives the text as it is', async () => {
    expect((await references().read({ kind: 'env', name: 'CORRIDOR_CLIENT_CRM' })).reveal()).toBe('s3cret\n');
  });

  it.each([
    ['CORRIDOR_KEY', 'only variables that begin with CORRIDOR_CLIENT_ may'],
    ['PATH', 'only variables that begin with CORRIDOR_CLIENT_ may'],
    ['CORRIDOR_CLIENT_NONE', 'CORRIDOR_CLIENT_NONE is not set'],
    ['CORRIDOR_CLIENT_EMPTY', 'CORRIDOR_CLIENT_EMPTY is empty'],
  ])('is refused for %s', async (name, message) => {
    expect(await refusal(references().read({ kind: 'env', name }))).toContain(message);
  });
});

describe('a reference to a variable that a file stands for', () => {
  const named = async (file: string, name = 'CORRIDOR_CLIENT_CRM') =>
    new LocalSecretReferences({ [`${name}_FILE`]: file, CORRIDOR_CLIENT_CRM: '' }, null).read({ kind: 'env', name });

  it('gives the text of the file at each use, without the line end that editors add, wherever it lies', async () => {
    const target = path.join(root, 'mounted');
    await symlink('mounted', path.join(root, 'crm'));
    for (const [text, read] of [
      ['s3cret\n', 's3cret'],
      ['renewed', 'renewed'],
      ['two\n\n', 'two\n'],
    ] as const) {
      await writeFile(target, text);
      expect((await named(path.join(root, 'crm'))).reveal()).toBe(read);
    }
  });

  it('is refused when the file gives no secret, and never names it', async () => {
    await writeFile(path.join(root, 'empty-c4n4ry'), '\n');
    execFileSync('mkfifo', [path.join(root, 'pipe-c4n4ry')]);
    const subject = 'the file that CORRIDOR_CLIENT_CRM_FILE names';
    expect(await refusal(named(path.join(root, 'none-c4n4ry')))).toContain(`${subject} cannot be read (ENOENT)`);
    expect(await refusal(named(path.join(root, 'empty-c4n4ry')))).toContain(`${subject} is empty`);
    expect(await refusal(named(path.join(root, 'pipe-c4n4ry')))).toContain(`${subject} is no regular file`);
    expect(await refusal(named(root))).toContain(`${subject} is no regular file`);
  });

  it('is refused when the variable is set too, and where the reference is to the path itself', async () => {
    const both = new LocalSecretReferences({ CORRIDOR_CLIENT_CRM: 's3cret', CORRIDOR_CLIENT_CRM_FILE: path.join(root, 'outside') }, null);
    expect(await refusal(both.read({ kind: 'env', name: 'CORRIDOR_CLIENT_CRM' }))).toContain(
      'CORRIDOR_CLIENT_CRM and CORRIDOR_CLIENT_CRM_FILE are both set: unset one of them',
    );
    expect(await refusal(both.read({ kind: 'env', name: 'CORRIDOR_CLIENT_CRM_FILE' }))).toContain('refer to env:CORRIDOR_CLIENT_CRM,');
  });
});

describe('a reference to a file', () => {
  it('gives the text without the line end that editors add', async () => {
    await mkdir(path.join(directory, 'crm'));
    for (const [text, read] of [
      ['s3cret', 's3cret'],
      ['s3cret\n', 's3cret'],
      ['s3cret\r\n', 's3cret'],
      ['s3cret\n\n', 's3cret\n'],
      [' é ', ' é '],
    ] as const) {
      await writeFile(path.join(directory, 'crm', 'secret'), text);
      expect(await file('crm/secret')).toBe(read);
      expect(await file(path.join(directory, 'crm', 'secret'))).toBe(read);
    }
  });

  it('follows links that stay inside, as those of a mounted secret do', async () => {
    await mkdir(path.join(directory, '..2026'));
    await writeFile(path.join(directory, '..2026', 'secret'), 's3cret');
    await symlink('..2026', path.join(directory, '..data'));
    await symlink('..data/secret', path.join(directory, 'secret'));
    expect(await file('secret')).toBe('s3cret');
    const linked = path.join(root, 'linked');
    await symlink(directory, linked);
    expect((await new LocalSecretReferences({}, linked).read({ kind: 'file', path: 'secret' })).reveal()).toBe('s3cret');
  });

  it('never leaves the directory', async () => {
    await symlink(path.join(root, 'outside'), path.join(directory, 'link'));
    await symlink(root, path.join(directory, 'up'));
    for (const name of ['../outside', path.join(root, 'outside'), 'link', 'up/outside', '.', '']) {
      expect(await refusal(references().read({ kind: 'file', path: name }))).toContain('lies outside CORRIDOR_SECRET_DIR');
    }
  });

  it('is refused where no directory is set', async () => {
    expect(await refusal(new LocalSecretReferences(environment, null).read({ kind: 'file', path: 'secret' }))).toContain(
      'set CORRIDOR_SECRET_DIR to the directory',
    );
  });

  it('is refused when there is no such file, or no file at all', async () => {
    expect(await refusal(references().read({ kind: 'file', path: 'none' }))).toContain('file:none cannot be read (ENOENT)');
    await mkdir(path.join(directory, 'folder'));
    expect(await refusal(references().read({ kind: 'file', path: 'folder' }))).toContain('is no regular file');
    execFileSync('mkfifo', [path.join(directory, 'pipe')]);
    expect(await refusal(references().read({ kind: 'file', path: 'pipe' }))).toContain('is no regular file');
  });

  it('is refused when it is empty, too long, or no text', async () => {
    const written = async (content: string | Uint8Array) => {
      await writeFile(path.join(directory, 'secret'), content);
      return refusal(references().read({ kind: 'file', path: 'secret' }));
    };
    expect(await written('\n')).toContain('is empty');
    expect(await written('c4n4ry'.repeat(20_000))).toContain('is longer than 64 KiB');
    expect(await written(Buffer.from([0x63, 0xff, 0xfe]))).toContain('is no UTF-8 text');
  });
});
