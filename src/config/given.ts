import path from 'node:path';
import { readSecretFile } from './secret-file.js';
import { SettingsInvalid } from './settings-invalid.js';
import { fileVariable, variables, type ValueOf, type Variable, type VariableName } from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a variable is set to. */
export interface Given {
  readonly text: string;
  /** The file that holds it, absolute; null where the environment does. */
  readonly file: string | null;
  /** A sentence on what is not well about the file. */
  readonly warning: string | null;
}

/**
 * What a variable is set to: by itself or, where that is allowed, by the file that NAME_FILE names. An empty variable counts as unset.
 * The file is not named in a message: many a secret was put in the wrong one of the two.
 * @throws SettingsInvalid
 */
export function givenBy(environment: Environment, name: string, directory: string, mayBeFile: boolean): Given | null {
  const text = environment[name] || null;
  const named = (mayBeFile && environment[fileVariable(name)]) || null;
  if (named === null) return text === null ? null : { text, file: null, warning: null };
  if (text !== null) throw new SettingsInvalid(`${name} and ${fileVariable(name)} are both set: unset one of them.`);
  const file = path.resolve(directory, named);
  const read = readSecretFile(file);
  const subject = `The file that ${fileVariable(name)} names`;
  if ('problem' in read) throw new SettingsInvalid(`${subject} ${read.problem}.`);
  const warning = read.readableByAll
    ? `${subject} can be read by everybody on this machine (mode ${read.mode}): run chmod o-r on it.`
    : null;
  return { text: read.text, file, warning };
}

/** The same for a variable that is defined. @throws SettingsInvalid */
export function givenFor(name: VariableName, environment: Environment, directory: string): Given | null {
  const { secret }: Variable<unknown> = variables[name];
  return givenBy(environment, name, directory, secret === true);
}

/** What it comes to. @throws SettingsInvalid */
export function valueOf<N extends VariableName>(name: N, given: Given | null, directory: string): ValueOf<N> {
  const variable: Variable<unknown> = variables[name];
  const text = given?.text ?? variable.default;
  return (text === null ? null : variable.read(text, name, directory)) as ValueOf<N>; // the table has each name with its reader
}

/** One variable by itself. @throws SettingsInvalid */
export function readVariable<N extends VariableName>(name: N, environment: Environment, directory: string): ValueOf<N> {
  return valueOf(name, givenFor(name, environment, directory), directory);
}
