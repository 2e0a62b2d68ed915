const HIDDEN = '***';
/** Parameters of a URL that say how to connect, and nothing secret. */
const SHOWN = new Set(['sslmode', 'host', 'port', 'dbname', 'application_name', 'connect_timeout']);

/** A value as it may be shown. A URL can hold a password wherever it stands, also where none is taken. */
export function shownValue(text: string, secret: boolean): string {
  return secret || text.includes('://') ? masked(text) : text;
}

/** Of a URL all but its password and such parameters as may hold one, of anything else nothing. */
function masked(text: string): string {
  const url = /^[a-z]+:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  // a password with one of / ? # in it begins before, and goes on behind, what is taken for the host
  if (url === null || url.hash !== '' || (url.pathname + url.search).includes('@')) return HIDDEN;
  const hidden = [...new Set(url.searchParams.keys())].filter((name) => !SHOWN.has(name));
  if (url.password === '' && hidden.length === 0) return text;
  if (url.password !== '') url.password = HIDDEN;
  for (const name of hidden) url.searchParams.set(name, HIDDEN);
  return url.href;
}

/** On one line, whatever it holds. */
export function printable(text: string): string {
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? JSON.stringify(text) : text;
}
