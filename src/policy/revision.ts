import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { PolicySource } from './policy-compiler.js';

/**
 * The name of a policy: the digest of everything that was gated, its tests and schemas included (`sha256:<hex>` over
 * RFC 8785 JSON). Equal sources have one revision, wherever they lie.
 */
export function revisionOf({ files, data, schemas }: PolicySource): string {
  const text = canonicalize({ files, data, schemas });
  if (text === undefined) throw new TypeError('a policy cannot be written as JSON');
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
