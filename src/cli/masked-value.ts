const HIDDEN = '***';
/** Parameters of a URL that say how to connect, and nothing secret. */
const SHOWN = new Set(['sslmode', 'host', 'port', 'dbname', 'application_name', 'connect_timeout']);

/** A secret as it may be shown: of a URL all but its password and such parameters as may hold one, of anything else nothing. */
export function masked(text: string): string {
  const url = /^[a-z]+:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null) return HIDDEN;
  if (url.password !== '') url.password = HIDDEN;
  for (const name of new Set(url.searchParams.keys())) if (!SHOWN.has(name)) url.searchParams.set(name, HIDDEN);
  if (url.hash !== '') url.hash = HIDDEN;
  return url.href;
}

/** On one line, whatever it holds. */
export function printable(text: string): string {
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? JSON.stringify(text) : text;
}
