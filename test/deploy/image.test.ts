import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const manifest = z
  .object({ version: z.string(), engines: z.object({ node: z.string() }), scripts: z.object({ start: z.string() }) })
  .parse(JSON.parse(read('package.json')));

/** Instructions of the Dockerfile, by stage. */
function stages(): string[][] {
  const text = read('Dockerfile')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  const parts = text.split(/^(?=FROM )/m).slice(1);
  return parts.map((stage) => stage.split('\n').filter((line) => line !== ''));
}

const argumentsOf = (stage: readonly string[], name: string): string[] =>
  stage.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

/** What is copied from outside or, in the last stage, from the first. */
function copied(stage: readonly string[]): { from: boolean; sources: string[] }[] {
  return argumentsOf(stage, 'COPY').map((words) => {
    const names = words.split(' ');
    const from = names[0]?.startsWith('--from=') === true;
    return { from, sources: names.slice(from ? 1 : 0, -1) };
  });
}

describe('the Dockerfile', () => {
  const [build = [], last = []] = stages();

  it('has two stages on one pinned image, of a Node that is allowed', () => {
    expect(stages().map(([from]) => from)).toEqual(['FROM ${NODE_IMAGE} AS build', 'FROM ${NODE_IMAGE}']);
    const [, major = '', minor = ''] = /^ARG NODE_IMAGE=node:(\d+)\.(\d+)\.\d+-bookworm-slim$/m.exec(read('Dockerfile')) ?? [];
    expect(manifest.engines.node).toBe('>=20.19');
    expect(Number(major) * 1000 + Number(minor)).toBeGreaterThanOrEqual(20_019);
  });

  it('builds from nothing that .dockerignore keeps back', () => {
    const [everything, ...lines] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(everything).toBe('*');
    const letIn = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const sources = copied(build).flatMap((copy) => copy.sources);
    expect(sources.filter((source) => !letIn.includes(source.replace(/^\.\//, '')))).toEqual([]);
    expect(letIn.filter((name) => !sources.map((source) => source.replace(/^\.\//, '')).includes(name))).toEqual([]);
  });

  it('ships only what the build stage has: what it copied, built and pruned', () => {
    const there = [...copied(build).flatMap(({ sources }) => sources), 'dist', 'node_modules'].map((name) => path.join('/app', name));
    const shipped = copied(last);
    expect(shipped.every(({ from }) => from)).toBe(true);
    expect(shipped.flatMap(({ sources }) => sources).filter((source) => !there.includes(source))).toEqual([]);
  });

  it('starts as npm start does, without npm, as a user with a number', () => {
    const [entrypoint = ''] = argumentsOf(last, 'ENTRYPOINT');
    expect(`nest build && ${z.array(z.string()).parse(JSON.parse(entrypoint)).join(' ')}`).toBe(manifest.scripts.start);
    expect(argumentsOf(last, 'USER')).toEqual(['10001:10001']);
    expect(last.join('\n')).toMatch(/rm -rf \S*\/node_modules \S*\/npm /);
  });

  it('says the version that package.json has', () => {
    expect(argumentsOf(last, 'LABEL').join(' ')).toContain(`image.version="${manifest.version}"`);
  });
});
