/**
 * Time as the domain sees it. `now()` is milliseconds since 1970 on the *database's* line (DESIGN §7 "Time"), or on the
 * machine's where there is no database yet; it never jumps back within one process.
 */
export abstract class Clock {
  abstract now(): number;
}

let last = { at: NaN, text: '' };

/** RFC 3339 in UTC with milliseconds: how times stand in the record. Many entries are of one millisecond, and printing takes time. */
export function timestamp(milliseconds: number): string {
  if (milliseconds !== last.at) last = { at: milliseconds, text: new Date(milliseconds).toISOString() };
  return last.text;
}
