import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultDirectoryLimits, PolicyDirectoryInvalid, readPolicyDirectory } from '../../src/platform/policy-directory.js';

let base: string;
let directory: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'corridor-policies-'));
  directory = join(base, 'policies');
  await mkdir(directory);
});
afterEach(() => rm(base, { recursive: true }));

async function put(path: string, content: string | Uint8Array): Promise<void> {
  const file = join(base, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

async function refusal(): Promise<string> {
  const result = await readPolicyDirectory(directory).catch((error: unknown) => error);
  if (!(result instanceof PolicyDirectoryInvalid)) throw new Error('it was read');
  return result.message;
}

describe('a policy directory', () => {
  it('gives its Rego, its data and its schemas, and nothing else', async () => {
    await put('policies/token.rego', 'package corridor.token\n');
    await put('policies/teams/search_test.rego', 'package teams.search_test\n');
    await put('policies/data.json', '{ "grants": [] }');
    await put('policies/schemas/input.json', '{ "type": "object" }');
    await put('policies/README.md', 'read me');
    await put('policies/.git/hidden.rego', 'package hidden\n');
    await put('policies/.swap.rego', 'package swap\n');
    expect(await readPolicyDirectory(directory)).toEqual({
      files: { 'teams/search_test.rego': 'package teams.search_test\n', 'token.rego': 'package corridor.token\n' },
      data: { grants: [] },
      schemas: { input: { type: 'object' } },
    });
  });

  it('needs neither data nor schemas', async () => {
    await put('policies/token.rego', 'package corridor.token\n');
    expect(await readPolicyDirectory(directory)).toEqual({ files: { 'token.rego': 'package corridor.token\n' }, data: {}, schemas: {} });
  });

  it('may be mounted with links of its own, as a ConfigMap is', async () => {
    await put('policies/..2026_03_03/token.rego', 'package corridor.token\n');
    await put('policies/..2026_03_03/schemas/input.json', '{}');
    await symlink('..2026_03_03', join(directory, '..data'));
    await symlink('..data/token.rego', join(directory, 'token.rego'));
    await symlink('..data/schemas', join(directory, 'schemas'));
    expect(await readPolicyDirectory(directory)).toEqual({
      files: { 'token.rego': 'package corridor.token\n' },
      data: {},
      schemas: { input: {} },
    });
  });

  it('may itself be reached by a link', async () => {
    await put('policies/token.rego', 'package corridor.token\n');
    await symlink(directory, join(base, 'current'));
    expect(Object.keys((await readPolicyDirectory(join(base, 'current'))).files)).toEqual(['token.rego']);
  });
});

describe('a policy directory is refused', () => {
  it('when it is not there, or is a file', async () => {
    await expect(readPolicyDirectory(join(base, 'missing'))).rejects.toThrow('there is no policy directory');
    await put('file', '');
    await expect(readPolicyDirectory(join(base, 'file'))).rejects.toThrow('is not a directory');
  });

  it('when it holds no Rego', async () => {
    await put('policies/data.json', '{}');
    expect(await refusal()).toMatch(/holds no \.rego file$/);
  });

  it.each(['token.rego', 'README.md'])('when the link %s leads out of it', async (name) => {
    await put('policies/other.rego', 'package other\n');
    await put('policies-elsewhere/secret', 'secret');
    await symlink('../policies-elsewhere/secret', join(directory, name));
    expect(await refusal()).toBe(`${name}: is a link out of the policy directory`);
  });

  it('when a folder of it is a link out of it', async () => {
    await put('elsewhere/token.rego', 'package corridor.token\n');
    await symlink(join(base, 'elsewhere'), join(directory, 'teams'));
    expect(await refusal()).toBe('teams: is a link out of the policy directory');
  });

  it('when a link leads nowhere, or in a circle', async () => {
    await put('policies/teams/a.rego', 'package a\n');
    await symlink('nothing', join(directory, 'gone.rego'));
    expect(await refusal()).toBe('gone.rego: cannot be read, or is a link to nothing');
    await rm(join(directory, 'gone.rego'));
    await symlink('../teams', join(directory, 'teams', 'again'));
    expect(await refusal()).toBe('teams/again: links lead in a circle');
  });

  it('when data.json or a schema is no JSON object', async () => {
    await put('policies/token.rego', 'package corridor.token\n');
    await put('policies/data.json', '[]');
    expect(await refusal()).toBe('data.json: must hold a JSON object');
    await put('policies/data.json', '{ "grants": ');
    expect(await refusal()).toMatch(/^data\.json: is not JSON: /);
    await put('policies/data.json', '{}');
    await put('policies/schemas/input.json', 'true');
    expect(await refusal()).toBe('schemas/input.json: must hold a JSON object');
  });

  it.each(['teams/data.json', 'data.yaml', 'teams/data.yml'])('when there is data in %s, which would not be read', async (path) => {
    await put('policies/token.rego', 'package corridor.token\n');
    await put(`policies/${path}`, '{}');
    expect(await refusal()).toBe(`${path}: data is read from data.json at the top of the directory only`);
  });

  it('when a file is not UTF-8', async () => {
    await put('policies/token.rego', Uint8Array.of(0x70, 0xff));
    expect(await refusal()).toBe('token.rego: is not UTF-8');
  });

  it('when it is too large, has too many files, or is too deep', async () => {
    await put('policies/a.rego', 'package a\n');
    await put('policies/b.rego', 'package b\n');
    await put('policies/c/d/e.rego', 'package e\n');
    const read = (limits: Partial<typeof defaultDirectoryLimits>) =>
      readPolicyDirectory(directory, { ...defaultDirectoryLimits, ...limits });
    await expect(read({ bytes: 15 })).rejects.toThrow('b.rego: with it the policy exceeds 15 bytes');
    await expect(read({ files: 2 })).rejects.toThrow('c/d/e.rego: is one file more than the 2 allowed');
    await expect(read({ depth: 1 })).rejects.toThrow('c/d: is more than 1 folders deep');
  });

  it('when what is called a file is none', async () => {
    const socket = createServer().listen(join(directory, 'token.rego'));
    await once(socket, 'listening');
    expect(await refusal()).toBe('token.rego: is not a regular file');
    socket.close();
  });
});
