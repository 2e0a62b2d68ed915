/** Seconds. Who asks for more is asked again after this (CONFORMANCE A65). */
const LONGEST = 3600;
const SECONDS = /^[0-9]+$/;
/** RFC 9110 §5.6.7: the form that is sent, and the two obsolete ones that must be understood. All mean UTC. */
const DATES = [
  /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/,
];

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3) as seconds from `now` (milliseconds), or null when it says nothing sensible: no time at all, none
 * that is left, or several.
 */
export function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const seconds = SECONDS.test(header) ? Number(header) : Math.ceil((readDate(header) - now) / 1000);
  return seconds > 0 ? Math.min(seconds, LONGEST) : null;
}

function readDate(text: string): number {
  if (!DATES.some((form) => form.test(text))) return NaN;
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
}
