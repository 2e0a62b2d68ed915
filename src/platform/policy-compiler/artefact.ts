import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PolicyCompilerFailed } from '../../policy/policy-compiler.js';
import { packageRoot } from '../package-root.js';

/** The compiler as it lies in the package: which bytes, once decompressed, and their SHA-256 in hex. */
export interface Artefact {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const manifest = z.object({
  module: z.object({
    file: z.string(),
    bytes: z.int().positive(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});

/** Where the compiler lies in this package. */
export function policyCompilerFolder(): string {
  return join(packageRoot(import.meta.url), 'policy-compiler');
}

/** Reads the manifest in `policy-compiler/`. The digest itself is checked by who loads the module. */
export async function readManifest(folder: string): Promise<Artefact> {
  const path = join(folder, 'manifest.json');
  try {
    const { module } = manifest.parse(JSON.parse(await readFile(path, 'utf8')));
    return { path: join(folder, module.file), bytes: module.bytes, sha256: module.sha256 };
  } catch (cause) {
    throw new PolicyCompilerFailed('broken_artefact', `the manifest of the policy compiler cannot be read: ${path}`, { cause });
  }
}
