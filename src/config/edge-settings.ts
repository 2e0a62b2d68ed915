import { isIP } from 'node:net';
import path from 'node:path';
import { SettingsInvalid } from './settings-invalid.js';

/** How the process is reached, and how it begins and ends. Paths are absolute, times in seconds. */
export interface EdgeSettings {
  /** PEM files for https in the service itself; null: plain http, on loopback or behind a proxy that ends TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Addresses and ranges of proxies whose word counts about the address of a client. */
  readonly trustedProxies: readonly string[];
  /** The one header in which they say it. */
  readonly forwardingHeader: 'x-forwarded-for' | 'forwarded';
  /** How long a start waits for a database that is not there yet. */
  readonly databaseWait: number;
  /** How long it says that it is not ready before it stops listening. */
  readonly drain: number;
}

export const edgeVariables: Readonly<Record<string, string>> = {
  CORRIDOR_TLS_CERT: 'PEM file with the certificate and its chain, for https in the service itself; unset',
  CORRIDOR_TLS_KEY: 'PEM file with its key; unset',
  CORRIDOR_TRUSTED_PROXIES: 'addresses and ranges of proxies that are believed about the address of a client; unset: nobody',
  CORRIDOR_FORWARDING_HEADER: 'the header in which they say it: x-forwarded-for or forwarded; x-forwarded-for',
  CORRIDOR_DATABASE_WAIT: 'how long a start waits for a PostgreSQL that is not there yet; 60s',
  CORRIDOR_DRAIN: 'how long /readyz says 503 before a stop closes the port; 0s',
};

/** @throws SettingsInvalid */
export function readEdgeSettings(value: (name: string) => string | undefined, directory: string): EdgeSettings {
  const trustedProxies = readProxies(value('CORRIDOR_TRUSTED_PROXIES'));
  const header = value('CORRIDOR_FORWARDING_HEADER');
  if (header !== undefined && trustedProxies.length === 0)
    throw new SettingsInvalid('CORRIDOR_FORWARDING_HEADER says nothing without CORRIDOR_TRUSTED_PROXIES: set both, or unset it.');
  return {
    tls: readTls(value('CORRIDOR_TLS_CERT'), value('CORRIDOR_TLS_KEY'), directory),
    trustedProxies,
    forwardingHeader: readHeader(header?.toLowerCase() ?? 'x-forwarded-for'),
    databaseWait: readSeconds('CORRIDOR_DATABASE_WAIT', value('CORRIDOR_DATABASE_WAIT') ?? '60s', 3600),
    drain: readSeconds('CORRIDOR_DRAIN', value('CORRIDOR_DRAIN') ?? '0s', 300),
  };
}

function readTls(cert: string | undefined, key: string | undefined, directory: string): EdgeSettings['tls'] {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined) throw new SettingsInvalid('CORRIDOR_TLS_KEY is set and CORRIDOR_TLS_CERT is not: set both, or neither.');
  if (key === undefined) throw new SettingsInvalid('CORRIDOR_TLS_CERT is set and CORRIDOR_TLS_KEY is not: set both, or neither.');
  return { cert: path.resolve(directory, cert), key: path.resolve(directory, key) };
}

function readProxies(text: string | undefined): readonly string[] {
  const ranges = (text ?? '')
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  for (const range of ranges) {
    if (isRange(range)) continue;
    throw new SettingsInvalid(
      `CORRIDOR_TRUSTED_PROXIES must be addresses or ranges with commas between, such as 10.0.0.0/8, fd00::1: ${range} is none, or is everybody.`,
    );
  }
  return ranges;
}

/** A range of everybody would let each client say who it is. */
function isRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  return bits === undefined || (Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128));
}

function readHeader(name: string): EdgeSettings['forwardingHeader'] {
  if (name === 'x-forwarded-for' || name === 'forwarded') return name;
  throw new SettingsInvalid('CORRIDOR_FORWARDING_HEADER must be x-forwarded-for or forwarded.');
}

function readSeconds(name: string, text: string, most: number): number {
  const [, number, unit] = /^(\d{1,5})([sm])$/.exec(text) ?? [];
  const seconds = number === undefined ? NaN : Number(number) * (unit === 'm' ? 60 : 1);
  if (!(seconds <= most)) throw new SettingsInvalid(`${name} must be seconds or minutes, such as 60s, and ${most}s at most.`);
  return seconds;
}
