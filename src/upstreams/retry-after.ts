/** Seconds. Who asks for more is asked again after this (CONFORMANCE A65). */
const LONGEST = 3600;
const SECONDS = /^[0-9]{1,15}$/;
/** RFC 9110 §5.6.7: the one form of date that may be sent. */
const DATE = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

/** Reads `Retry-After` (RFC 9110 §10.2.3) as seconds from `now` (milliseconds), or null when it says nothing sensible. */
export function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  const seconds = SECONDS.test(header) ? Number(header) : DATE.test(header) ? Math.ceil((Date.parse(header) - now) / 1000) : NaN;
  return seconds > 0 ? Math.min(seconds, LONGEST) : null;
}
