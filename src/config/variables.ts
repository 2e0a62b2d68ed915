import {
  asApiKey,
  asDays,
  asForwardingHeader,
  asHeaders,
  asHttpUrl,
  asPath,
  asPort,
  asRanges,
  asRole,
  asSeconds,
  asSwitch,
  asText,
  asUrlOf,
  type Reader,
} from './readers.js';

/** One setting: everything that is to be known of it. */
export interface Variable<T> {
  /** What it is for: a phrase in Markdown. */
  readonly meaning: string;
  /** What holds when it is unset, written as the variable would be; null: nothing. */
  readonly default: string | null;
  /** What nothing comes to, where that is worth a word. */
  readonly unset?: string;
  /** It is never shown, and NAME_FILE may name a file that holds it. */
  readonly secret?: true;
  /** What must lie where it points when it is set. */
  readonly names?: 'file' | 'directory';
  /** The service does not look at it. */
  readonly commandLine?: true;
  readonly read: Reader<T>;
}

/**
 * Every variable that Corridor reads: docs/configuration.md is made of this (node scripts/write-configuration.mjs after a build). Any
 * other `CORRIDOR_*` variable stops the start, but for the secrets of clients.
 */
export const variables = {
  CORRIDOR_HOST: { default: '127.0.0.1', meaning: 'the address to listen on', read: asText },
  CORRIDOR_PORT: { default: '8420', meaning: 'the port to listen on', read: asPort },
  CORRIDOR_PUBLIC_URL: {
    default: null,
    unset: 'from the two above',
    meaning:
      'the URL under which agents reach Corridor; its issuer is this and `/oauth2`. Must be https, except where both it and the address are loopback',
    read: asHttpUrl,
  },
  CORRIDOR_DATA_DIR: { default: '.corridor', meaning: 'embedded data, keys, caches', read: asPath },
  CORRIDOR_CONFIG: { default: 'corridor.yaml', meaning: 'the catalogue that an empty Corridor starts with', names: 'file', read: asPath },
  CORRIDOR_POLICIES: { default: 'policies', meaning: 'the policy directory', names: 'directory', read: asPath },
  CORRIDOR_SECRET_DIR: {
    default: null,
    unset: 'none',
    meaning: 'the only directory that `file:` references may read',
    names: 'directory',
    read: asPath,
  },
  CORRIDOR_DATABASE_URL: {
    default: null,
    meaning: 'PostgreSQL 15 or later, in place of the embedded database',
    secret: true,
    read: asUrlOf('postgresql', 'postgres'),
  },
  CORRIDOR_REDIS_URL: {
    default: null,
    meaning: 'Redis 6.2 or later, with PostgreSQL only: what several processes share beside the database',
    secret: true,
    read: asUrlOf('redis', 'rediss'),
  },
  CORRIDOR_ROLE: {
    default: 'all',
    meaning: '`api`: answers; `worker`: does the work that is left, with PostgreSQL only; `all`: both',
    read: asRole,
  },
  CORRIDOR_INPUT_RETENTION: {
    default: '90d',
    meaning: 'for how many days the inputs of decisions are kept, sealed, to be replayed',
    read: asDays,
  },
  CORRIDOR_AUTHORIZATION_ENDPOINT: {
    default: 'on',
    meaning:
      '`off` leaves `authorization_endpoint` and `response_types_supported` out of the metadata; some clients insist on them, and they lead nowhere',
    read: asSwitch,
  },
  CORRIDOR_DATABASE_WAIT: {
    default: '60s',
    meaning: 'how long a start waits for a PostgreSQL that is not there yet',
    read: asSeconds(3600),
  },
  CORRIDOR_TLS_CERT: {
    default: null,
    meaning: 'PEM file with the certificate and its chain, for https in the service itself',
    names: 'file',
    read: asPath,
  },
  CORRIDOR_TLS_KEY: { default: null, meaning: 'PEM file with its key', names: 'file', read: asPath },
  CORRIDOR_TRUSTED_PROXIES: {
    default: null,
    unset: 'nobody',
    meaning: 'addresses and ranges of proxies that are believed about the address of a client, with commas between',
    read: asRanges,
  },
  CORRIDOR_FORWARDING_HEADER: {
    default: 'x-forwarded-for',
    meaning: 'the header in which they say it: that, or `forwarded`',
    read: asForwardingHeader,
  },
  CORRIDOR_DRAIN: { default: '0s', meaning: 'how long `/readyz` says 503 before a stop closes the port', read: asSeconds(300) },
  CORRIDOR_METRICS_PORT: { default: null, unset: 'none', meaning: 'the port on which metrics are served at `/metrics`', read: asPort },
  CORRIDOR_METRICS_HOST: { default: '127.0.0.1', meaning: 'the address for them', read: asText },
  CORRIDOR_OTLP_ENDPOINT: {
    default: null,
    unset: 'no traces',
    meaning: 'the base URL of an OTLP collector (HTTP) for traces, such as `http://127.0.0.1:4318`',
    read: asHttpUrl,
  },
  CORRIDOR_OTLP_HEADERS: {
    default: null,
    unset: 'none',
    meaning: 'header fields for it, `name=value` with a comma between two, values percent-encoded where they need it',
    secret: true,
    read: asHeaders,
  },
  CORRIDOR_URL: {
    default: null,
    unset: 'from the data directory',
    meaning: 'for the command line: where Corridor is',
    commandLine: true,
    read: asHttpUrl,
  },
  CORRIDOR_KEY: {
    default: null,
    unset: 'from the data directory',
    meaning: 'for the command line: the key to use. A key in the data directory goes to no other Corridor than that of the directory',
    secret: true,
    commandLine: true,
    read: asApiKey,
  },
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

export type VariableName = keyof typeof variables;

type Table = typeof variables;

/** What it is read as; null where it is unset and has no default. */
export type ValueOf<N extends VariableName> = ReturnType<Table[N]['read']> | (Table[N] extends { readonly default: string } ? never : null);

/** All of them, in their order. */
export const definitions: readonly (readonly [VariableName, Variable<unknown>])[] = Object.entries(variables) as [
  VariableName,
  Variable<unknown>,
][];

/** The secrets of clients, for `env:` references, have names of their own choice that begin so; each may have its NAME_FILE. */
export const clientPrefix = 'CORRIDOR_CLIENT_';

/** The variable that may name a file with the value of another. */
export function fileVariable(name: string): string {
  return `${name}_FILE`;
}
