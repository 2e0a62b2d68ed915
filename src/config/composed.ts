import { publicUrlFor } from './public-url.js';
import type { Reading } from './reading.js';
import { SettingsInvalid } from './settings-invalid.js';

/** A certificate with its chain, and its key. Absolute paths. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** What several variables come to together; null where there is none, or where they contradict each other. */
export interface Composed {
  readonly publicUrl: string | null;
  readonly tls: TlsFiles | null;
  readonly metrics: Listener | null;
}

/** Puts variables together that only mean something beside each other, and notes in `reading` where they contradict. */
export function compose(reading: Reading): Composed {
  const host = 'CORRIDOR_HOST';
  reading.together(['CORRIDOR_REDIS_URL', 'CORRIDOR_DATABASE_URL'], () => requireDatabaseForRedis(reading));
  reading.together(['CORRIDOR_ROLE', 'CORRIDOR_DATABASE_URL'], () => requireDatabaseForRole(reading));
  reading.together(['CORRIDOR_FORWARDING_HEADER', 'CORRIDOR_TRUSTED_PROXIES'], () => requireProxies(reading));
  return {
    publicUrl: reading.together(['CORRIDOR_PUBLIC_URL', host, 'CORRIDOR_PORT', 'CORRIDOR_TLS_CERT'], () =>
      publicUrlFor(reading.value('CORRIDOR_PUBLIC_URL'), {
        host: reading.value(host),
        port: reading.value('CORRIDOR_PORT'),
        endsTls: reading.given.has('CORRIDOR_TLS_CERT'),
      }),
    ),
    tls: reading.together(['CORRIDOR_TLS_CERT', 'CORRIDOR_TLS_KEY'], () =>
      pairOf(reading.value('CORRIDOR_TLS_CERT'), reading.value('CORRIDOR_TLS_KEY')),
    ),
    metrics: reading.together(['CORRIDOR_METRICS_PORT', 'CORRIDOR_METRICS_HOST', 'CORRIDOR_PORT'], () => metricsListener(reading)),
  };
}

function pairOf(cert: string | null, key: string | null): TlsFiles | null {
  if (cert === null && key === null) return null;
  if (cert === null) throw new SettingsInvalid('CORRIDOR_TLS_KEY is set and CORRIDOR_TLS_CERT is not: set both, or neither.');
  if (key === null) throw new SettingsInvalid('CORRIDOR_TLS_CERT is set and CORRIDOR_TLS_KEY is not: set both, or neither.');
  return { cert, key };
}

/** What several processes share is of no use to one that is alone with its database. */
function requireDatabaseForRedis({ given }: Reading): void {
  if (!given.has('CORRIDOR_REDIS_URL') || given.has('CORRIDOR_DATABASE_URL')) return;
  throw new SettingsInvalid(
    'CORRIDOR_REDIS_URL is set, and CORRIDOR_DATABASE_URL is not: Redis is for several processes over one PostgreSQL. Set both, or unset it.',
  );
}

function requireDatabaseForRole(reading: Reading): void {
  const role = reading.value('CORRIDOR_ROLE');
  if (role === 'all' || reading.given.has('CORRIDOR_DATABASE_URL')) return;
  throw new SettingsInvalid(
    `CORRIDOR_ROLE is ${role}, and CORRIDOR_DATABASE_URL is not set: the embedded database belongs to one process, which does all.`,
  );
}

function requireProxies({ given }: Reading): void {
  if (!given.has('CORRIDOR_FORWARDING_HEADER') || given.has('CORRIDOR_TRUSTED_PROXIES')) return;
  throw new SettingsInvalid('CORRIDOR_FORWARDING_HEADER says nothing without CORRIDOR_TRUSTED_PROXIES: set both, or unset it.');
}

/** On a port of their own: agents reach the other one. */
function metricsListener(reading: Reading): Listener | null {
  const port = reading.value('CORRIDOR_METRICS_PORT');
  if (port === null) {
    if (!reading.given.has('CORRIDOR_METRICS_HOST')) return null;
    throw new SettingsInvalid('CORRIDOR_METRICS_HOST says where metrics are served, and CORRIDOR_METRICS_PORT is not set: set it too.');
  }
  if (port === reading.value('CORRIDOR_PORT') && port !== 0)
    throw new SettingsInvalid('CORRIDOR_METRICS_PORT must be another port than CORRIDOR_PORT.');
  return { host: reading.value('CORRIDOR_METRICS_HOST'), port };
}
