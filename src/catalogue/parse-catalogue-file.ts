import type { Catalogue } from './catalogue.js';
import { catalogueOfFile } from './catalogue-of-file.js';
import { checkEntries } from './check-entries.js';
import { checkReferences } from './check-references.js';
import type { Fault, Problem, Report } from './problem.js';
import { checkAuthorities, nothingRead, type ReadAuthorities } from './read-authorities.js';
import { readEntries, type Entries } from './read-entries.js';
import { readYaml, type Placed } from './yaml-text.js';

export type ParsedCatalogue =
  { readonly ok: true; readonly catalogue: Catalogue } | { readonly ok: false; readonly problems: readonly Problem[] };

/** More would not be read. */
const MOST_PROBLEMS = 100;

/**
 * Parses `corridor.yaml` (EXAMPLES). Either all of it is right, or every problem is told, in the order of the file; where the YAML
 * itself is broken, only that. Never throws, and no message repeats a text that might be a secret in the wrong place.
 * `authorities` is what was read of the files that the text names for certificates of authorities.
 */
export function parseCatalogueFile(text: string, fileName: string, authorities: ReadAuthorities = nothingRead): ParsedCatalogue {
  const checked = check(text, (entries, report) => checkAuthorities(entries, authorities, report));
  if ('entries' in checked) return { ok: true, catalogue: catalogueOfFile(checked.entries, authorities) };
  return { ok: false, problems: inOrder(checked.problems, fileName) };
}

/** The problems of a file by itself, before anything that it refers to is read. */
export function problemsOfFile(text: string, fileName: string): readonly Problem[] {
  const checked = check(text, () => undefined);
  return 'entries' in checked ? [] : inOrder(checked.problems, fileName);
}

function check(
  text: string,
  further: (entries: Entries, report: Report) => void,
): { readonly entries: Entries } | { readonly problems: Placed[] } {
  const yaml = readYaml(text);
  const problems: Placed[] = [...yaml.problems];
  if ('content' in yaml) {
    const report = ({ path, at, message }: Fault) => void problems.push({ ...yaml.place(path, at), message });
    const entries = readEntries(yaml.content, report);
    checkEntries(entries, report);
    checkReferences(entries, report);
    further(entries, report);
    if (problems.length === 0) return { entries };
  }
  return { problems };
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
