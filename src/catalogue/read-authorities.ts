import { authoritiesPath } from './credential-source.js';
import type { Report } from './problem.js';
import { readEntries, type Entries } from './read-entries.js';
import { readYaml } from './yaml-text.js';

/** What was read of the files that `ca` names, by their paths: PEM, or why it cannot be used, as a sentence that follows the member's name. */
export type ReadAuthorities = ReadonlyMap<string, { readonly pem: string } | { readonly problem: string }>;

export const nothingRead: ReadAuthorities = new Map();

/** The paths that a catalogue file gives to `ca`, as far as it can be read. */
export function authorityPathsIn(text: string): readonly string[] {
  const yaml = readYaml(text);
  if (!('content' in yaml)) return [];
  return namedIn(readEntries(yaml.content, () => undefined)).map(({ file }) => file);
}

export function checkAuthorities(entries: Entries, authorities: ReadAuthorities, report: Report): void {
  for (const { file, path } of namedIn(entries)) {
    const read = authorities.get(file) ?? { problem: 'names a file that was not read: apply it where Corridor runs' };
    if ('problem' in read) report({ path, at: 'value', message: `${path.join('.')} ${read.problem}` });
  }
}

function namedIn({ authorizationServers }: Entries): readonly { readonly file: string; readonly path: readonly string[] }[] {
  return [...authorizationServers.values()].flatMap(({ id, draft }) => {
    const file = draft.ca === undefined ? null : authoritiesPath(draft.ca);
    return file === null ? [] : [{ file, path: ['authorization_servers', id, 'ca'] }];
  });
}
