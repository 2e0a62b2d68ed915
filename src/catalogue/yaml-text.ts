import { Composer, LineCounter, Parser, visit, type CST, type Document, type YAMLError } from 'yaml';
import type { Fault, Path } from './problem.js';
import { syntaxFault } from './yaml-fault.js';
import { nameOfPair, offsetOf, offsetOfNode } from './yaml-place.js';

/** A catalogue larger or deeper than this is no catalogue. */
const MAX_LENGTH = 1_048_576;
const MAX_DEPTH = 48;
const MAX_ALIASES = 1_000;

/** Names are texts, tags mean nothing. The composer's own search for repeated names takes quadratic time: `nameFaults` does it. */
const COMPOSING = { version: '1.2', stringKeys: true, resolveKnownTags: false, uniqueKeys: false, prettyErrors: false } as const;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Placed extends Position {
  readonly message: string;
}

/** What a text holds, what is wrong with its YAML, and where each member of it stands. `content` is absent when it cannot be told. */
export interface YamlText {
  readonly content?: unknown;
  readonly problems: readonly Placed[];
  place(path: Path, at: Fault['at']): Position;
}

/** Reads one YAML 1.2 document with text keys, without tags of its own, and of bounded size, depth and use of aliases. Never throws. */
export function readYaml(source: string): YamlText {
  const text = source.replace(/^\uFEFF/, '');
  if (text.length > MAX_LENGTH) return unreadable('the file is longer than 1 MiB: look for what does not belong into a catalogue');
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  // The composer recurses, and Node may abort when a stack runs out: depth is measured before, on tokens that were read without recursion.
  if (isDeeperThan(MAX_DEPTH, tokens)) return unreadable(`the file is nested more than ${MAX_DEPTH} levels deep: no catalogue is`);
  const [document, second] = new Composer(COMPOSING).compose(tokens, true, text.length);
  if (document === undefined) throw new TypeError('the composer gave no document, though it was told to');
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };

  if (second !== undefined)
    return unreadable('the file must hold one document: remove the second --- and what follows it', position(second.range[0]));
  const broken = firstBreak(document);
  if (broken !== null) return unreadable(syntaxFault(broken), position(broken.pos[0]));
  if (document.directives.yaml.version !== '1.2')
    return unreadable('the file declares another version of YAML than 1.2: take the %YAML line out');
  const content = plainValue(document);
  const faults = document.warnings.map((fault) => ({ offset: fault.pos[0], message: syntaxFault(fault) }));
  const placed = [...faults, ...nameFaults(document), ...('message' in content ? [content] : [])];
  const problems = placed.map(({ offset, message }) => ({ ...position(offset), message }));
  const place = (path: Path, at: Fault['at']): Position => position(offsetOf(document, path, at));
  return 'value' in content ? { content: content.value, problems, place } : { problems, place };
}

function unreadable(message: string, position: Position = { line: 1, column: 1 }): YamlText {
  return { problems: [{ ...position, message }], place: () => position };
}

/** Where the structure is lost: what follows is misread, and to tell it would only hide the cause. */
function firstBreak(document: Document.Parsed): YAMLError | null {
  return document.errors.toSorted((a, b) => a.pos[0] - b.pos[0])[0] ?? null;
}

function isDeeperThan(limit: number, tokens: readonly CST.Token[]): boolean {
  const open = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > limit) return true;
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth: depth + 1 });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) open.push({ token: key, depth: depth + 1 });
      if (value) open.push({ token: value, depth: depth + 1 });
    }
  }
  return false;
}

/** Repeated names, and a name that means something else to JavaScript, over which a parser of shapes may pass in silence. */
function nameFaults(document: Document): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  visit(document, {
    Map: (_, map) => {
      const names = new Set<string | null>();
      for (const pair of map.items) {
        const name = nameOfPair(pair);
        const offset = offsetOfNode(pair.key) ?? 0;
        if (names.has(name)) found.push({ offset, message: 'this name stands here twice: remove one of the two' });
        if (name === '__proto__') found.push({ offset, message: '__proto__ cannot be a name here: choose another' });
        names.add(name);
      }
    },
  });
  return found;
}

function plainValue(document: Document): { value: unknown } | { message: string; offset: number } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { value };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const { first, dangling } = aliases(document);
    return dangling === null
      ? { message: 'the aliases repeat too much: write out what they stand for', offset: first ?? 0 }
      : { message: 'an alias names an anchor that does not stand before it: define the anchor or write the value out', offset: dangling };
  }
}

function aliases(document: Document): { first: number | null; dangling: number | null } {
  let first: number | null = null;
  let dangling: number | null = null;
  visit(document, {
    Alias: (_, alias) => {
      first ??= offsetOfNode(alias);
      if (alias.resolve(document) === undefined) dangling ??= offsetOfNode(alias);
    },
  });
  return { first, dangling };
}
