import { givenBy, type Environment, type Given } from './given.js';
import type { Remark } from './reading.js';
import { SettingsInvalid } from './settings-invalid.js';
import { clientPrefix, fileVariable } from './variables.js';

/** The secret of a client in the environment, or in the file that its NAME_FILE names. */
export interface ClientVariable {
  readonly name: string;
  /** What it is set to, or why that cannot be had, in a sentence. */
  readonly given: Given | { readonly problem: string };
  /** Set in both ways. */
  readonly isContradictory: boolean;
}

const fileOf = new RegExp(`^(${clientPrefix}.+)${fileVariable('')}$`);

/** The variable for which this one names a file; null when it holds a secret itself. */
export function servedBy(name: string): string | null {
  return fileOf.exec(name)?.[1] ?? null;
}

/** What is set for `env:` references, in the order of the alphabet. */
export function clientVariables(environment: Environment, directory: string): readonly ClientVariable[] {
  const set = Object.keys(environment).filter((name) => name.startsWith(clientPrefix) && environment[name]);
  const names = new Set(set.map((name) => servedBy(name) ?? name));
  return [...names].sort().map((name) => ({
    name,
    given: givenOrProblem(environment, name, directory),
    isContradictory: set.includes(name) && set.includes(fileVariable(name)),
  }));
}

/** A contradiction stops the start; what is wrong with one file is wrong for its client alone. */
export function remarksOnClients(clients: readonly ClientVariable[]): {
  readonly contradictions: readonly Remark[];
  readonly defects: readonly Remark[];
  readonly warnings: readonly Remark[];
} {
  const remarks = (wanted: (client: ClientVariable) => boolean): readonly Remark[] =>
    clients.filter(wanted).flatMap(({ name, given }) => {
      const message = 'problem' in given ? given.problem : given.warning;
      return message === null ? [] : [{ variable: name, message }];
    });
  return {
    contradictions: remarks(({ isContradictory }) => isContradictory),
    defects: remarks(({ given, isContradictory }) => 'problem' in given && !isContradictory),
    warnings: remarks(({ given }) => !('problem' in given)),
  };
}

function givenOrProblem(environment: Environment, name: string, directory: string): ClientVariable['given'] {
  try {
    return givenBy(environment, name, directory, true) ?? { problem: `${name} is not set.` };
  } catch (error) {
    if (!(error instanceof SettingsInvalid)) throw error;
    return { problem: error.message };
  }
}
