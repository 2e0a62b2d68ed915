import { isIP } from 'node:net';
import path from 'node:path';
import { SettingsInvalid } from './settings-invalid.js';

/**
 * Makes a value of what the variable `name` is set to; relative paths start in `directory`. A message names the variable and MUST NOT
 * quote the text, which may be a secret in the wrong place. @throws SettingsInvalid
 */
export type Reader<T> = (text: string, name: string, directory: string) => T;

export const asText: Reader<string> = (text) => text;

export const asPath: Reader<string> = (text, _, directory) => path.resolve(directory, text);

export const asPort: Reader<number> = (text, name) => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw new SettingsInvalid(`${name} must be a number from 0 to 65535.`);
  return port;
};

export const asSwitch: Reader<boolean> = (text, name) => {
  if (text !== 'on' && text !== 'off') throw new SettingsInvalid(`${name} must be on or off.`);
  return text === 'on';
};

/** In seconds. */
export const asDays: Reader<number> = (text, name) => {
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1];
  if (days === undefined) throw new SettingsInvalid(`${name} must be a number of days, such as 90d.`);
  return Number(days) * 86_400;
};

/** A URL of one of these schemes; the message names the first. */
export function asUrlOf(scheme: string, ...others: readonly string[]): Reader<string> {
  return (text, name) => {
    const known = [scheme, ...others].some((each) => text.startsWith(`${each}://`));
    if (!known || !URL.canParse(text)) throw new SettingsInvalid(`${name} must be a URL that begins with ${scheme}://.`);
    return text;
  };
}

/** Without a slash at its end. */
export const asHttpUrl: Reader<string> = (text, name) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || url.search || url.hash || url.username || url.password || !/^https?:$/.test(url.protocol)) {
    throw new SettingsInvalid(`${name} must be an http or https URL without a query, a fragment or credentials.`);
  }
  return text.replace(/\/+$/, '');
};

/** fetch would refuse other characters with a message that holds the key. */
export const asApiKey: Reader<string> = (text, name) => {
  const key = text.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) throw new SettingsInvalid(`What ${name} holds is no API key.`);
  return key;
};

/** As in OpenTelemetry's variable for them: `name=value,other=value`. */
export const asHeaders: Reader<Readonly<Record<string, string>>> = (text, name) => {
  const headers = new Headers();
  try {
    for (const pair of text.trim().split(',')) {
      const [, field = '', value = ''] = /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(pair) ?? [];
      headers.append(field, decodeURIComponent(value));
    }
  } catch {
    throw new SettingsInvalid(`What ${name} holds are no header fields: name=value, with a comma between two.`);
  }
  return Object.fromEntries(headers);
};

/** Seconds or minutes, in seconds, of which there are `most` at most. */
export function asSeconds(most: number): Reader<number> {
  return (text, name) => {
    const [, number, unit] = /^(\d{1,5})([sm])$/.exec(text) ?? [];
    const seconds = number === undefined ? NaN : Number(number) * (unit === 'm' ? 60 : 1);
    if (!(seconds <= most)) throw new SettingsInvalid(`${name} must be seconds or minutes, such as 60s, and ${most}s at most.`);
    return seconds;
  };
}

/** Addresses and ranges of them, with commas between. */
export const asRanges: Reader<readonly string[]> = (text, name) => {
  const ranges = text
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  const bad = ranges.findIndex((range) => !isRange(range));
  if (bad < 0) return ranges;
  throw new SettingsInvalid(
    `${name} must be addresses or ranges with commas between, such as 10.0.0.0/8, fd00::1: number ${bad + 1} is none, or is everybody.`,
  );
};

/** A range of everybody would let each client say who it is. */
function isRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  return bits === undefined || (Number(bits) >= 1 && Number(bits) <= (family === 4 ? 32 : 128));
}

export const asForwardingHeader: Reader<'x-forwarded-for' | 'forwarded'> = (text, name) => {
  const header = text.toLowerCase();
  if (header === 'x-forwarded-for' || header === 'forwarded') return header;
  throw new SettingsInvalid(`${name} must be x-forwarded-for or forwarded.`);
};

/** What a process does: it answers (`api`), does the work that is left (`worker`), or both. */
export const roles = ['all', 'api', 'worker'] as const;
export type Role = (typeof roles)[number];

export const asRole: Reader<Role> = (text, name) => {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new SettingsInvalid(`${name} must be api, worker or all.`);
  return role;
};
