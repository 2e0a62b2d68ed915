import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { corridorCommand, type Finished } from '../rig/command-line.js';

const policies = path.resolve(import.meta.dirname, '../../policies');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-cli-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const corridor = (...args: string[]): Promise<Finished> => corridorCommand(args, {}, { cwd: directory });

async function policyOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = path.join(directory, name);
  await cp(policies, folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(folder, file), text);
  return name;
}

describe('corridor init', () => {
  it('writes a file once, and never over another', async () => {
    expect(await corridor('init')).toMatchObject({ code: 0, out: expect.stringContaining('corridor apply -f corridor.yaml') });
    const written = await readFile(path.join(directory, 'corridor.yaml'), 'utf8');
    expect(written).toMatch(/^# yaml-language-server: \$schema=/);
    expect(await corridor('init')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('there already') });
    expect(await readFile(path.join(directory, 'corridor.yaml'), 'utf8')).toBe(written);
    expect(await corridor('init', 'nowhere/corridor.yaml')).toMatchObject({ code: 1, err: expect.stringContaining('cannot be written') });
  });
});

describe('corridor apply, before it asks anybody', () => {
  it('says what is the matter with a file', async () => {
    await writeFile(path.join(directory, 'latin.yaml'), Buffer.from('version: 1 # caf\xe9\n', 'latin1'));
    expect(await corridor('apply', '-f', 'latin.yaml')).toMatchObject({ code: 1, err: expect.stringContaining('is not UTF-8') });
    expect(await corridor('apply', '-f', '.')).toMatchObject({ code: 1, err: expect.stringContaining('cannot be read (EISDIR)') });
    expect(await corridor('apply', '-f', 'nowhere.yaml')).toMatchObject({ code: 1, err: expect.stringContaining('corridor init') });
    expect(await corridor('apply')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--file') });
  });
});

describe('corridor policy', () => {
  it('checks, tests and compiles the starter policy', async () => {
    expect(await corridor('policy', 'check', policies)).toMatchObject({ code: 0, out: expect.stringContaining('nothing wrong') });
    const tested = await corridor('policy', 'test', policies);
    expect(tested).toMatchObject({ code: 0, out: expect.stringMatching(/[1-9]\d* passed, 0 failed/) });
    const compiled = await corridor('policy', 'compile', policies, '-o', 'p.wasm', '--json');
    expect(JSON.parse(compiled.out)).toMatchObject({ file: path.join(directory, 'p.wasm'), reads_counters: false });
    expect((await readFile(path.join(directory, 'p.wasm'))).subarray(1, 4).toString()).toBe('asm');
    const unwritable = await corridor('policy', 'compile', policies, '-o', 'nowhere/p.wasm');
    expect(unwritable).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nowhere/p.wasm cannot be written: ENOENT') });
  }, 90_000);

  it('formats, and with --check only tells', async () => {
    const folder = await policyOf('loose', { 'more.rego': 'package  more\n' });
    expect(await corridor('policy', 'fmt', policies, '--check')).toMatchObject({ code: 0 });
    expect(await corridor('policy', 'fmt', folder, '--check')).toMatchObject({ code: 1, out: 'loose/more.rego\n' });
    expect(await readFile(path.join(directory, folder, 'more.rego'), 'utf8')).toBe('package  more\n');
    expect(await corridor('policy', 'fmt', folder)).toMatchObject({ code: 0, out: 'loose/more.rego\n' });
    expect(await readFile(path.join(directory, folder, 'more.rego'), 'utf8')).toBe('package more\n');
  });

  it('points at what is wrong, by file, row and column, and in JSON where that is asked for', async () => {
    const folder = await policyOf('unsafe', { 'more.rego': 'package more\n\nfound := tru\n' });
    for (const command of ['check', 'test', 'compile']) {
      const told = await corridor('policy', command, folder);
      expect(told).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^unsafe\/more\.rego:3:\d+: rego_unsafe_var_error/m) });
      const json = await corridor('policy', command, folder, '--json');
      expect(json).toMatchObject({ code: 1, err: '' });
      expect(JSON.parse(json.out)).toMatchObject({ ok: false, diagnostics: [{ code: 'rego_unsafe_var_error', row: 3 }] });
    }
    expect(await corridor('policy', 'check', 'nowhere')).toMatchObject({ code: 1, err: expect.stringContaining('no policy directory') });
  }, 90_000);

  it('fails when a test fails', async () => {
    const folder = await policyOf('failing', { 'more_test.rego': 'package more_test\n\ntest_nothing if false\n' });
    expect(await corridor('policy', 'test', folder)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/more_test\.rego:3: .*test_nothing: interpreter fail, module fail\n[1-9]\d* passed, 1 failed/),
    });
  });
});

describe('corridor', () => {
  it('helps, and says which version it is', async () => {
    const { code, out } = await corridor('--help');
    expect(code).toBe(0);
    for (const told of ['CORRIDOR_URL', 'Exit codes: 0', 'serve', 'migrate', 'demo']) expect(out).toContain(told);
    expect(await corridor('serve', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('CORRIDOR_PORT') });
    expect(await corridor('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([[[]], [['nonsense']], [['key']], [['serve', 'now']], [['migrate', '--from', 'x']], [['demo', '--twice']]])(
    'ends with 2 when it is called as no help says: %j',
    async (args) => {
      expect(await corridor(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/help/) });
    },
  );
});

describe('corridor, when there is none', () => {
  const elsewhere = (url: string, key?: string): Promise<Finished> =>
    corridorCommand(['entries'], { CORRIDOR_URL: url, ...(key === undefined ? {} : { CORRIDOR_KEY: key }) }, { cwd: directory });

  it('says how to start one', async () => {
    expect(await corridor('entries')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('corridor serve') });
    expect(await elsewhere('http://127.0.0.1:9', 'k')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('cannot be reached'),
    });
  });

  it('never prints the key or the password that it was given', async () => {
    const told = [await elsewhere('http://127.0.0.1:9', 'half\nother'), await elsewhere('http://someone:half-other@127.0.0.1:9', 'k')];
    expect(told).toMatchObject([
      { code: 1, err: 'What CORRIDOR_KEY holds is no API key.\n' },
      { code: 1, err: expect.stringMatching(/^CORRIDOR_URL must be/) },
    ]);
    for (const { err } of told) expect(err).not.toMatch(/half|other/);
  });
});
