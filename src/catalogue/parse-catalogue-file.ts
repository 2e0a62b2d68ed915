import type { Catalogue } from './catalogue.js';
import { catalogueOfFile } from './catalogue-of-file.js';
import { checkEntries } from './check-entries.js';
import { checkReferences } from './check-references.js';
import type { Fault, Problem } from './problem.js';
import { readEntries } from './read-entries.js';
import { readYaml, type Placed } from './yaml-text.js';

export type ParsedCatalogue =
  { readonly ok: true; readonly catalogue: Catalogue } | { readonly ok: false; readonly problems: readonly Problem[] };

/** More would not be read. */
const MOST_PROBLEMS = 100;

/**
 * Parses `corridor.yaml` (EXAMPLES). Either all of it is right, or every problem is told, in the order of the file; where the YAML
 * itself is broken, only that. Never throws, and no message repeats a text that might be a secret in the wrong place.
 */
export function parseCatalogueFile(text: string, fileName: string): ParsedCatalogue {
  const yaml = readYaml(text);
  const problems: Placed[] = [...yaml.problems];
  if ('content' in yaml) {
    const report = ({ path, at, message }: Fault) => void problems.push({ ...yaml.place(path, at), message });
    const entries = readEntries(yaml.content, report);
    checkEntries(entries, report);
    checkReferences(entries, report);
    if (problems.length === 0) return { ok: true, catalogue: catalogueOfFile(entries) };
  }
  return { ok: false, problems: inOrder(problems, fileName) };
}

function inOrder(problems: readonly Placed[], file: string): Problem[] {
  const sorted = problems
    .map(({ line, column, message }) => ({ file, line, column, message }))
    .sort((a, b) => a.line - b.line || a.column - b.column || (a.message < b.message ? -1 : 1));
  const last = sorted[MOST_PROBLEMS];
  if (last === undefined) return sorted;
  const more = { ...last, message: `and ${sorted.length - MOST_PROBLEMS} more problems: mend those above first` };
  return [...sorted.slice(0, MOST_PROBLEMS), more];
}
