import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/*
 * DESIGN: arrows point one way. What each room may import from others stands here; within a room everything may meet,
 * except in a circle.
 */
const source = path.resolve(import.meta.dirname, '../src');

const domain = [
  'oauth',
  'catalogue',
  'runs',
  'policy',
  'upstreams',
  'credentials',
  'attribution',
  'suspensions',
  'posture',
  'access',
  'work',
];
const stories = ['issuance'];
const rooms: Readonly<Record<string, readonly string[]>> = {
  oauth: [],
  access: ['oauth'],
  catalogue: ['oauth'],
  attribution: ['oauth'],
  suspensions: ['oauth'],
  credentials: ['oauth', 'catalogue'],
  work: ['oauth', 'access', 'attribution'],
  runs: ['oauth', 'access', 'attribution', 'catalogue', 'work'],
  policy: ['oauth', 'catalogue', 'runs'],
  upstreams: ['oauth', 'catalogue', 'credentials'],
  posture: ['oauth', 'catalogue', 'credentials', 'work'],
  issuance: domain,
  config: [],
  store: [...domain, ...stories],
  platform: [...domain, ...stories, 'store', 'config'],
  http: [...domain, ...stories],
  cli: [...domain, ...stories, 'platform', 'config'],
};
/** Beyond the process, or somebody's framework: nothing for a room of the domain. */
const outside =
  /^(@nestjs\/|@prisma\/|prisma|pg|@electric-sql\/|bullmq|ioredis|undici|fastify|node:(fs|net|http|https|child_process|worker_threads|process|os|dns|tls))/;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const imports = files.flatMap(importsOf);

describe('the house', () => {
  it('is read at all', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.filter(({ to }) => to.startsWith('node:') || !to.includes('/')).length).toBeGreaterThan(50);
    expect(imports.filter(({ to }) => to.endsWith('.ts')).length).toBeGreaterThan(300);
  });

  it('has no room that this test does not know', () => {
    expect(files.filter((file) => roomOf(file) !== '' && !Object.hasOwn(rooms, roomOf(file)))).toEqual([]);
  });

  it('has arrows that point one way', () => {
    const wrong = imports.filter(({ from, to }) => to.endsWith('.ts') && !mayImport(roomOf(from), roomOf(to)));
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('keeps frameworks, drivers and the operating system out of the domain', () => {
    const wrong = imports.filter(
      ({ from, to, typeOnly }) => [...domain, ...stories].includes(roomOf(from)) && !typeOnly && outside.test(to),
    );
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('reads no clock, no randomness and no environment in the domain', () => {
    const ambient = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomUUID\(|\bprocess\.env\b/;
    const wrong = files.filter(
      (file) => [...domain, ...stories].includes(roomOf(file)) && ambient.test(readFileSync(path.join(source, file), 'utf8')),
    );
    expect(wrong).toEqual([]);
  });

  it('loads what makes metrics and traces only where they are wanted', () => {
    const loaded = new Set(['main.ts']);
    // a set gives what is added to it while it is gone through
    for (const file of loaded) for (const { from, to, typeOnly } of imports) if (from === file && !typeOnly) loaded.add(to);
    expect(loaded).toContain('@nestjs/core');
    expect([...loaded].filter((module) => /^(prom-client|@opentelemetry\/)/.test(module))).toEqual([]);
    expect(imports.some(({ to }) => to === 'prom-client')).toBe(true);
  });

  it('goes round in no circle', () => {
    expect(cycle()).toEqual([]);
  });
});

function mayImport(from: string, to: string): boolean {
  return from === '' || from === to || (rooms[from]?.includes(to) ?? false);
}

/** The entry points and the composition root stand in the hall: room ''. */
function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : '';
}

function importsOf(file: string): Import[] {
  const tree = ts.createSourceFile(file, readFileSync(path.join(source, file), 'utf8'), ts.ScriptTarget.ESNext);
  return tree.statements.flatMap((statement) => {
    if (!(ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))) return [];
    if (statement.moduleSpecifier === undefined || !ts.isStringLiteral(statement.moduleSpecifier)) return [];
    const { text } = statement.moduleSpecifier;
    const to = text.startsWith('.') ? path.join(path.dirname(file), text).replace(/\.js$/, '.ts') : text;
    const typeOnly = ts.isImportDeclaration(statement) ? isTypeOnly(statement.importClause) : statement.isTypeOnly;
    return [{ from: file, to, typeOnly }];
  });
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return (
    clause.name === undefined && named !== undefined && ts.isNamedImports(named) && named.elements.every(({ isTypeOnly: only }) => only)
  );
}

/** The files of a circle of imports that are there when the program runs, or none. */
function cycle(): readonly string[] {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) if (!typeOnly && to.endsWith('.ts')) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const next of edges.get(file) ?? []) {
      const found = walk(next, [...trail, file]);
      if (found.length > 0) return found;
    }
    done.add(file);
    return [];
  };
  for (const file of files) {
    const found = walk(file, []);
    if (found.length > 0) return found;
  }
  return [];
}
