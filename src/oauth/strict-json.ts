const MAX_DEPTH = 32;

/** Strings (with their quotes) and the punctuation that builds structure; numbers and literals lie between matches. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/** The text is no JSON as we accept it. The message never quotes it, as the messages of JSON.parse do. */
export class UnreadableJson extends Error {
  constructor(readonly reason: 'not UTF-8' | 'not JSON' | 'nested too deeply' | 'a member name is repeated') {
    super(reason);
    this.name = 'UnreadableJson';
  }
}

/**
 * Parses JSON in UTF-8, with or without a byte order mark. Repeated member names (RFC 8259 §4 leaves them open: two readers could
 * understand two different things) and more than 32 levels are errors (CONFORMANCE A59, Q35).
 * @throws UnreadableJson
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  checkStructure(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UnreadableJson('not UTF-8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableJson('not JSON');
  }
}

/** Walks a text that is known to be JSON, with the names of each object that is open (null for an array). */
function checkStructure(text: string): void {
  const open: (Set<string> | null)[] = [];
  let string = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : null) > MAX_DEPTH) throw new UnreadableJson('nested too deeply');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ':') {
      addName(open.at(-1), string);
    } else {
      string = token;
    }
  }
}

function addName(names: Set<string> | null | undefined, quoted: string): void {
  // names are compared as they are read, without their escapes
  const name = String(JSON.parse(quoted));
  if (names?.has(name)) throw new UnreadableJson('a member name is repeated');
  names?.add(name);
}

/** The members of a JSON object by name, or null for anything else. As a map, `__proto__` is a name like any other. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return new Map<string, unknown>(Object.entries(value));
}
