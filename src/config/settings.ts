import { clientVariables, remarksOnClients } from './client-variables.js';
import type { Environment, Given } from './given.js';
import { compose, type Composed, type Listener, type TlsFiles } from './composed.js';
import type { Role } from './readers.js';
import { Reading, type Remark } from './reading.js';
import { SettingsInvalid } from './settings-invalid.js';
import { clientPrefix, definitions, fileVariable, type VariableName } from './variables.js';

/** What the environment says, read once. Paths are absolute; sizes of queues and pools are constants beside their code. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Corridor's own origin and path prefix, without a slash at the end: its issuer is this and `/oauth2`. */
  readonly publicUrl: string;
  readonly dataDirectory: string;
  readonly configFile: string;
  /** Whether the file was named, so that its absence is an error. */
  readonly configFileNamed: boolean;
  readonly policyDirectory: string;
  readonly secretDirectory: string | null;
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly role: Role;
  /** Seconds for which the inputs of decisions are kept. */
  readonly inputRetention: number;
  /** Whether the metadata also names an authorization endpoint that answers every request with an error. */
  readonly authorizationEndpoint: boolean;
  /** PEM files for https in the service itself; null: plain http, on loopback or behind a proxy that ends TLS. */
  readonly tls: TlsFiles | null;
  /** Addresses and ranges of proxies whose word counts about the address of a client. */
  readonly trustedProxies: readonly string[];
  /** The one header in which they say it. */
  readonly forwardingHeader: 'x-forwarded-for' | 'forwarded';
  /** How many seconds a start waits for a database that is not there yet. */
  readonly databaseWait: number;
  /** For how many seconds it says that it is not ready before it stops listening. */
  readonly drain: number;
  /** Where metrics are served; null: nowhere. */
  readonly metrics: Listener | null;
  /** The base URL of the OTLP collector that traces are sent to; null: none are made. */
  readonly otlpEndpoint: string | null;
  readonly otlpHeaders: Readonly<Record<string, string>>;
  /** Sentences on what is not well and keeps nothing from starting. */
  readonly warnings: readonly string[];
}

/** All that can be said of an environment by itself. */
export interface Configuration {
  /** What is set, and could be had. */
  readonly given: ReadonlyMap<VariableName, Given>;
  /** Names that mean nothing, which stop the start. */
  readonly unknown: readonly string[];
  /** What else stops it, or a command that needs the variable. */
  readonly problems: readonly Remark[];
  /** What is wrong for one client alone. */
  readonly defects: readonly Remark[];
  readonly warnings: readonly Remark[];
}

const ofTheService = definitions.filter(([, { commandLine }]) => commandLine !== true).map(([name]) => name);

/** Every name that a variable can have, but for the secrets of clients. */
export const knownVariables: readonly string[] = definitions.flatMap(([name, { secret }]) =>
  secret === true ? [name, fileVariable(name)] : [name],
);

/** @throws SettingsInvalid with everything that is wrong, a line for each */
export function readSettings(environment: Environment, directory: string): Settings {
  const reading = new Reading(environment, directory, ofTheService);
  const { settings, configuration } = conclude(reading, environment, directory);
  if (settings !== null) return settings;
  const told = `correct or unset it. It knows ${knownVariables.join(', ')}.`;
  const strangers = configuration.unknown.map((name) => `${name} is no variable of Corridor: ${told}`);
  throw new SettingsInvalid([...strangers, ...configuration.problems.map(({ message }) => message)].join('\n'));
}

/** For somebody who wants to know what is set, also for the command line. */
export function readConfiguration(environment: Environment, directory: string): Configuration {
  const names = definitions.map(([name]) => name);
  return conclude(new Reading(environment, directory, names), environment, directory).configuration;
}

/** The settings, or null where something stops the start, with all that there is to say. */
function conclude(
  reading: Reading,
  environment: Environment,
  directory: string,
): { readonly settings: Settings | null; readonly configuration: Configuration } {
  const composed = compose(reading);
  const clients = remarksOnClients(clientVariables(environment, directory));
  const ofFiles = [...reading.given].flatMap(([variable, { warning }]) => (warning === null ? [] : [{ variable, message: warning }]));
  const warnings = [...ofFiles, ...clients.warnings];
  const configuration = {
    given: reading.given,
    unknown: Object.keys(environment).filter(isUnknown),
    problems: [...reading.problems, ...clients.contradictions],
    defects: clients.defects,
    warnings,
  };
  const stops = configuration.unknown.length + clients.contradictions.length > 0 || reading.isBroken(ofTheService);
  const { publicUrl } = composed;
  const settings = stops || publicUrl === null ? null : settingsOf(reading, { ...composed, publicUrl }, [...clients.defects, ...warnings]);
  return { settings, configuration };
}

function settingsOf(
  reading: Reading,
  { publicUrl, tls, metrics }: Composed & { publicUrl: string },
  warnings: readonly Remark[],
): Settings {
  return {
    host: reading.value('CORRIDOR_HOST'),
    port: reading.value('CORRIDOR_PORT'),
    publicUrl,
    dataDirectory: reading.value('CORRIDOR_DATA_DIR'),
    configFile: reading.value('CORRIDOR_CONFIG'),
    configFileNamed: reading.given.has('CORRIDOR_CONFIG'),
    policyDirectory: reading.value('CORRIDOR_POLICIES'),
    secretDirectory: reading.value('CORRIDOR_SECRET_DIR'),
    databaseUrl: reading.value('CORRIDOR_DATABASE_URL'),
    redisUrl: reading.value('CORRIDOR_REDIS_URL'),
    role: reading.value('CORRIDOR_ROLE'),
    inputRetention: reading.value('CORRIDOR_INPUT_RETENTION'),
    authorizationEndpoint: reading.value('CORRIDOR_AUTHORIZATION_ENDPOINT'),
    tls,
    trustedProxies: reading.value('CORRIDOR_TRUSTED_PROXIES') ?? [],
    forwardingHeader: reading.value('CORRIDOR_FORWARDING_HEADER'),
    databaseWait: reading.value('CORRIDOR_DATABASE_WAIT'),
    drain: reading.value('CORRIDOR_DRAIN'),
    metrics,
    otlpEndpoint: reading.value('CORRIDOR_OTLP_ENDPOINT'),
    otlpHeaders: reading.value('CORRIDOR_OTLP_HEADERS') ?? {},
    warnings: warnings.map(({ message }) => message),
  };
}

function isUnknown(name: string): boolean {
  const isFree = name.startsWith(clientPrefix) || name.startsWith('CORRIDOR_TEST_');
  return name.startsWith('CORRIDOR_') && !isFree && !knownVariables.includes(name);
}
