import { SettingsInvalid } from './settings-invalid.js';

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost', '[::1]']);

/** Whether a host, as a URL or a setting writes it, can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host);
}

/** DESIGN §5: any address but loopback needs an https public URL. @throws SettingsInvalid */
export function publicUrlFor(
  given: string | null,
  { host, port, endsTls }: Readonly<{ host: string; port: number; endsTls: boolean }>,
): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  if (given === null) {
    if (isLoopback(host)) return `${endsTls ? 'https' : 'http'}://${shown}:${port}`;
    throw new SettingsInvalid(`CORRIDOR_HOST is ${host}, which others can reach: set CORRIDOR_PUBLIC_URL to the https URL that they use.`);
  }
  const url = new URL(given);
  if (url.protocol === 'http:' && endsTls) throw new SettingsInvalid('CORRIDOR_PUBLIC_URL must be https, since CORRIDOR_TLS_CERT is set.');
  if (url.protocol === 'http:' && !(isLoopback(url.hostname) && isLoopback(host))) {
    throw new SettingsInvalid('CORRIDOR_PUBLIC_URL must be https, except where both it and CORRIDOR_HOST are loopback.');
  }
  return given;
}
