import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type Pair, type YAMLMap } from 'yaml';
import type { Fault, Path } from './problem.js';

/** As far as the path leads: the place of a member that is missing is that of the entry which lacks it. */
export function offsetOf(document: Document.Parsed, path: Path, at: Fault['at']): number {
  let node: unknown = document.contents;
  let offset = at === 'value' && path.length === 0 ? (offsetOfNode(document.contents) ?? 0) : 0;
  for (const [depth, step] of path.entries()) {
    const container: unknown = isAlias(node) ? node.resolve(document) : node;
    const last = depth === path.length - 1;
    if (isMap(container)) {
      const pair = pairsOf(container).get(step);
      if (pair === undefined) break;
      const wantsValue = last && at === 'value' && !isEmpty(pair.value);
      offset = (wantsValue ? offsetOfNode(pair.value) : offsetOfNode(pair.key)) ?? offset;
      node = pair.value;
    } else if (isSeq(container) && typeof step === 'number' && step in container.items) {
      node = container.items[step];
      offset = offsetOfNode(node) ?? offset;
    } else {
      break;
    }
  }
  return offset;
}

/** Kept for as long as the document is, since a large file may have many faults. */
const indexes = new WeakMap<YAMLMap, ReadonlyMap<unknown, Pair>>();

function pairsOf(map: YAMLMap): ReadonlyMap<unknown, Pair> {
  const known = indexes.get(map);
  if (known !== undefined) return known;
  const index = new Map(map.items.map((pair) => [nameOfPair(pair), pair]));
  indexes.set(map, index);
  return index;
}

export function nameOfPair(pair: Pair<unknown, unknown>): string | null {
  return isScalar(pair.key) ? String(pair.key.value) : null;
}

function isEmpty(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null);
}

export function offsetOfNode(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}
