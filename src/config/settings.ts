import path from 'node:path';

/** What a process does: it answers (`api`), does the work that is left (`worker`), or both. */
export const roles = ['all', 'api', 'worker'] as const;
export type Role = (typeof roles)[number];

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
}

/** Every variable that Corridor reads, and what it is for. An unknown `CORRIDOR_*` variable stops the start. */
export const variables: Readonly<Record<string, string>> = {
  CORRIDOR_HOST: 'the address to listen on; 127.0.0.1',
  CORRIDOR_PORT: 'the port to listen on; 8420',
  CORRIDOR_PUBLIC_URL: 'the URL under which agents reach Corridor; from the two above',
  CORRIDOR_DATA_DIR: 'embedded data, keys, caches; .corridor',
  CORRIDOR_CONFIG: 'the catalogue that an empty Corridor starts with; corridor.yaml',
  CORRIDOR_POLICIES: 'the policy directory; policies',
  CORRIDOR_SECRET_DIR: 'the only directory that file: references may read; unset: none',
  CORRIDOR_DATABASE_URL: 'PostgreSQL 15 or later in place of the embedded database; unset',
  CORRIDOR_REDIS_URL: 'Redis 6.2 or later, which several processes over one PostgreSQL share; unset',
  CORRIDOR_ROLE: 'api: answer; worker: do the work that is left; all: both; all',
  CORRIDOR_INPUT_RETENTION: 'for how many days the inputs of decisions are kept, sealed, to be replayed; 90d',
  CORRIDOR_AUTHORIZATION_ENDPOINT: 'off: leave authorization_endpoint and response_types_supported out of the metadata; on',
  CORRIDOR_URL: 'for the command line: where Corridor is',
  CORRIDOR_KEY: 'for the command line: the key to use',
};

/** The start must not go on: one sentence that says what is wrong and what to do. */
export class SettingsInvalid extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SettingsInvalid';
  }
}

/** @throws SettingsInvalid */
export function readSettings(environment: Readonly<Record<string, string | undefined>>, directory: string): Settings {
  refuseUnknown(environment);
  const value = (name: string): string | undefined => environment[name] || undefined;
  const host = value('CORRIDOR_HOST') ?? '127.0.0.1';
  const port = readPort(value('CORRIDOR_PORT') ?? '8420');
  const configFile = value('CORRIDOR_CONFIG');
  const secretDirectory = value('CORRIDOR_SECRET_DIR');
  const databaseUrl = readDatabaseUrl(value('CORRIDOR_DATABASE_URL'));
  return {
    host,
    port,
    publicUrl: readPublicUrl(value('CORRIDOR_PUBLIC_URL'), host, port),
    dataDirectory: path.resolve(directory, value('CORRIDOR_DATA_DIR') ?? '.corridor'),
    configFile: path.resolve(directory, configFile ?? 'corridor.yaml'),
    configFileNamed: configFile !== undefined,
    policyDirectory: path.resolve(directory, value('CORRIDOR_POLICIES') ?? 'policies'),
    secretDirectory: secretDirectory === undefined ? null : path.resolve(directory, secretDirectory),
    databaseUrl,
    redisUrl: readRedisUrl(value('CORRIDOR_REDIS_URL'), databaseUrl),
    role: readRole(value('CORRIDOR_ROLE') ?? 'all', databaseUrl),
    inputRetention: readDays('CORRIDOR_INPUT_RETENTION', value('CORRIDOR_INPUT_RETENTION') ?? '90d'),
    authorizationEndpoint: readSwitch('CORRIDOR_AUTHORIZATION_ENDPOINT', value('CORRIDOR_AUTHORIZATION_ENDPOINT') ?? 'on'),
  };
}

function refuseUnknown(environment: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(environment)) {
    const known =
      name in variables || !name.startsWith('CORRIDOR_') || name.startsWith('CORRIDOR_CLIENT_') || name.startsWith('CORRIDOR_TEST_');
    if (!known)
      throw new SettingsInvalid(`${name} is no variable of Corridor: correct or unset it. It knows ${Object.keys(variables).join(', ')}.`);
  }
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw new SettingsInvalid(`CORRIDOR_PORT must be a number from 0 to 65535.`);
  return port;
}

function readSwitch(name: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new SettingsInvalid(`${name} must be on or off.`);
  return text === 'on';
}

function readDays(name: string, text: string): number {
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1];
  if (days === undefined) throw new SettingsInvalid(`${name} must be a number of days, such as 90d.`);
  return Number(days) * 86_400;
}

function readDatabaseUrl(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw new SettingsInvalid('CORRIDOR_DATABASE_URL must be a URL that begins with postgresql://.');
  }
  return text;
}

/** What several processes share is of no use to one that is alone with its database. */
function readRedisUrl(text: string | undefined, databaseUrl: string | null): string | null {
  if (text === undefined) return null;
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) {
    throw new SettingsInvalid('CORRIDOR_REDIS_URL must be a URL that begins with redis:// or rediss://.');
  }
  if (databaseUrl === null) {
    throw new SettingsInvalid(
      'CORRIDOR_REDIS_URL is set, and CORRIDOR_DATABASE_URL is not: Redis is for several processes over one PostgreSQL. Set both, or unset it.',
    );
  }
  return text;
}

function readRole(text: string, databaseUrl: string | null): Role {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new SettingsInvalid('CORRIDOR_ROLE must be api, worker or all.');
  if (role !== 'all' && databaseUrl === null) {
    throw new SettingsInvalid(
      `CORRIDOR_ROLE is ${role}, and CORRIDOR_DATABASE_URL is not set: the embedded database belongs to one process, which does all.`,
    );
  }
  return role;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost', '[::1]']);

/** DESIGN §5: any address but loopback needs an https public URL. */
function readPublicUrl(text: string | undefined, host: string, port: number): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  if (text === undefined) {
    if (LOOPBACK.has(host)) return `http://${shown}:${port}`;
    throw new SettingsInvalid(`CORRIDOR_HOST is ${host}, which others can reach: set CORRIDOR_PUBLIC_URL to the https URL that they use.`);
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || url.search || url.hash || url.username || url.password || !/^https?:$/.test(url.protocol)) {
    throw new SettingsInvalid('CORRIDOR_PUBLIC_URL must be an http or https URL without a query, a fragment or credentials.');
  }
  if (url.protocol === 'http:' && !(LOOPBACK.has(url.hostname) && LOOPBACK.has(host))) {
    throw new SettingsInvalid('CORRIDOR_PUBLIC_URL must be https, except where both it and CORRIDOR_HOST are loopback.');
  }
  return text.replace(/\/+$/, '');
}
