import { didYouMean } from '../catalogue/nearest-name.js';
import { clientVariables } from '../config/client-variables.js';
import type { Environment, Given } from '../config/given.js';
import { isLoopback } from '../config/public-url.js';
import { knownVariables, readConfiguration, type Configuration } from '../config/settings.js';
import { SettingsInvalid } from '../config/settings-invalid.js';
import { definitions } from '../config/variables.js';
import { checkCatalogue, type CheckedCatalogue } from './check-catalogue.js';
import { checkPaths } from './check-paths.js';
import { checkPolicy } from './check-policy.js';
import { CommandFailed, type Problem } from './command-failed.js';
import { configuredPaths } from './configured-paths.js';
import { findCorridor } from './find-corridor.js';
import { shownValue } from './masked-value.js';

/** A variable as it may be shown. */
export interface ShownVariable {
  readonly name: string;
  /** Masked where it is secret; null: unset, and nothing holds in its place. */
  readonly value: string | null;
  readonly from: 'environment' | 'file' | 'default';
  readonly file?: string;
}

export interface ConfigurationReport {
  readonly variables: readonly ShownVariable[];
  /** What keeps Corridor, a client or a command from working. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** All that can be said of the settings, and of the files that they name, without a database or a server. Changes nothing. */
export async function checkConfiguration(environment: Environment, directory: string): Promise<ConfigurationReport> {
  const configuration = readConfiguration(environment, directory);
  const { given, problems, defects, warnings } = configuration;
  const paths = configuredPaths(environment, directory);
  const databaseUrl = given.get('CORRIDOR_DATABASE_URL')?.text ?? null;
  const places = await checkPaths(configuration, paths, directory);
  const catalogue = await checkCatalogue(paths, environment);
  const policy = await checkPolicy(paths);
  const unknown = configuration.unknown.map(
    (name) => `${name} is no variable of Corridor${didYouMean(name, knownVariables) || ': unset it.'}`,
  );
  const own = [...unknown, ...[...problems, ...defects].map(({ message }) => message), ...places.problems];
  const hints = [
    ...warnings.map(({ message }) => message),
    ...places.warnings,
    ...(databaseUrl === null ? [] : warningsOfDatabase(databaseUrl)),
    ...warningsOfRedis(given.get('CORRIDOR_REDIS_URL')?.text),
    ...uselessClients(environment, directory, catalogue),
    ...(await warningsOfCommandLine(configuration, environment, directory)),
  ];
  return {
    variables: shown(configuration, environment, directory),
    problems: [...asProblems(own), ...catalogue.problems, ...policy.problems],
    warnings: [...asProblems(hints), ...policy.warnings],
  };
}

function asProblems(messages: readonly string[]): readonly Problem[] {
  return messages.map((message) => ({ message }));
}

/** In the order of the definition, those that are unset too; then the secrets of clients. */
function shown({ given, problems }: Configuration, environment: Environment, directory: string): readonly ShownVariable[] {
  const broken = new Set(problems.map(({ variable }) => variable));
  const own = definitions.flatMap(([name, { default: value, secret }]): ShownVariable[] => {
    const found = given.get(name);
    if (found !== undefined) return [{ name, value: shownValue(found.text, secret === true), ...origin(found) }];
    return broken.has(name) ? [] : [{ name, value, from: 'default' }];
  });
  const clients = clientVariables(environment, directory).flatMap(({ name, given: found }) =>
    'problem' in found ? [] : [{ name, value: '***', ...origin(found) }],
  );
  return [...own, ...clients];
}

function origin({ file }: Given): Pick<ShownVariable, 'from' | 'file'> {
  return file === null ? { from: 'environment' } : { from: 'file', file };
}

/** Without sslmode the driver speaks in the clear (docs/configuration.md). */
function warningsOfDatabase(text: string): readonly string[] {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return [];
  const host = url.searchParams.get('host') ?? url.hostname;
  if (host === '' || host.startsWith('/') || isLoopback(host)) return [];
  const mode = url.searchParams.get('sslmode') ?? 'disable';
  if (mode !== 'disable' || url.searchParams.get('ssl') === 'true') return [];
  return [`CORRIDOR_DATABASE_URL leads to ${host} without TLS: add sslmode=verify-full to it.`];
}

function warningsOfRedis(text: string | undefined): readonly string[] {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'redis:' || isLoopback(url.hostname)) return [];
  return [`CORRIDOR_REDIS_URL leads to ${url.hostname} without TLS: let it begin with rediss:// where the way there is not your own.`];
}

function uselessClients(environment: Environment, directory: string, { refersTo }: CheckedCatalogue): readonly string[] {
  if (refersTo === null) return [];
  const unused = clientVariables(environment, directory).filter(({ name }) => !refersTo.has(name));
  return unused.map(({ name }) => `No client of the catalogue refers to env:${name}.`);
}

/** Whether a command would find its Corridor, where one is named. Nothing is sent. */
async function warningsOfCommandLine(
  { given, problems }: Configuration,
  environment: Environment,
  directory: string,
): Promise<readonly string[]> {
  const names: readonly string[] = ['CORRIDOR_URL', 'CORRIDOR_KEY'];
  const isNamed = given.has('CORRIDOR_URL') || given.has('CORRIDOR_KEY');
  if (!isNamed || problems.some(({ variable }) => names.includes(variable))) return [];
  try {
    await findCorridor(environment, directory);
    return [];
  } catch (error) {
    if (error instanceof CommandFailed || error instanceof SettingsInvalid) return [error.message];
    throw error;
  }
}
