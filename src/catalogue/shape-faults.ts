import type { z } from 'zod';
import { didYouMean } from './nearest-name.js';
import type { Fault, Path } from './problem.js';

/** Says what a shape found wrong, in terms of the file. `members` are the names that the shape knows at its top. */
export function shapeFaults(issues: readonly z.core.$ZodIssue[], base: Path, members: readonly string[]): Fault[] {
  return issues.flatMap((issue) => faultsOf(issue, base, members));
}

function faultsOf(issue: z.core.$ZodIssue, base: Path, members: readonly string[]): Fault[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        message: `${nameOf([...path, key])} is unknown${suggestion(key, issue.path.length === 0 ? members : [])}`,
      }));
    case 'invalid_union':
      return shapeFaults(likeliest(issue.errors), path, []);
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ path, at: 'key', message: `${nameOf(path)} ${message}` }));
    default:
      return [{ path, at: 'value', message: `${nameOf(path)} ${issue.message}` }];
  }
}

function suggestion(key: string, members: readonly string[]): string {
  return didYouMean(key, members) || (members.length === 0 ? ': remove it' : `: remove it; what can stand here is ${members.join(', ')}`);
}

/** Of several shapes the one that fits best: whose objections lie deeper than at the value as a whole. */
function likeliest(alternatives: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const deep = alternatives.find((issues) => issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys'));
  return deep ?? alternatives[0] ?? [];
}

/** `clients.indexer.resources`, as a reader would point at it. What does not look like a name is not repeated. */
export function nameOf(path: Path): string {
  const names = path.filter((step) => typeof step === 'string').map((step) => (/^[A-Za-z0-9_.-]{1,64}$/.test(step) ? step : '(something)'));
  return names.length === 0 ? 'the file' : names.join('.');
}
