import { createHash } from 'node:crypto';
import type { Catalogue } from './catalogue.js';

/** What a catalogue means, as SHA-256 (hex) of its JSON with sorted names: comments and the order of the file do not count. */
export function catalogueDigest(catalogue: Catalogue): string {
  return createHash('sha256').update(JSON.stringify(catalogue, sortedNames)).digest('hex');
}

function sortedNames(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
