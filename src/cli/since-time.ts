import { UsageWrong } from './command-failed.js';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** RFC 3339, a date, or how long ago; `now` in milliseconds. @throws UsageWrong */
export function sinceTime(text: string, now: number): string {
  const age = /^(\d{1,5})([smhd])$/.exec(text);
  const unit = UNITS[age?.[2] ?? ''];
  if (age !== null && unit !== undefined) return new Date(now - Number(age[1]) * unit).toISOString();
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new UsageWrong('--since takes a time as 2026-03-03T13:05:00Z, or an age as 15m, 2h, 7d');
  }
  return new Date(text).toISOString();
}
