/**
 * Time as the domain sees it. `now()` is milliseconds since 1970 on the *database's* line (DESIGN §7 "Time"), or on the
 * machine's where there is no database yet; it never jumps back within one process.
 */
export abstract class Clock {
  abstract now(): number;
}

/** RFC 3339 in UTC with milliseconds: how times stand in the record. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
