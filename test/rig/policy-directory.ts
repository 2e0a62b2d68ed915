import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** What `data.json` grants (EXAMPLES: "where grants live"). `max_ttl` in seconds. */
export interface Grant {
  readonly workflow: string;
  readonly purpose: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly authorization_details?: readonly { readonly type: string }[];
  readonly max_ttl?: number;
}

export interface PolicyDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

const starter = path.resolve(import.meta.dirname, '../../policies');

/** The starter policy with its tests, and grants of the test's own. */
export async function policyWithGrants(grants: readonly Grant[]): Promise<PolicyDirectory> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-policy-'));
  await cp(starter, directory, { recursive: true });
  await writeFile(path.join(directory, 'data.json'), JSON.stringify({ grants, ceilings: {} }));
  return { path: directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** A policy of one file, without tests. */
export async function policyOf(rego: string): Promise<PolicyDirectory> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'corridor-policy-'));
  await writeFile(path.join(directory, 'token.rego'), rego);
  return { path: directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
