const SECONDS = { d: 86_400, h: 3_600, m: 60, s: 1 } as const;

/** How times are written in `corridor.yaml`: a whole number and one unit, such as `30s`, `15m`, `1h`, `90d`. */
export const durationPattern = /^(0|[1-9]\d{0,8})([smhd])$/;

/** Ten years: more is a slip of the pen. */
export const longestDuration = 3_650 * SECONDS.d;

/** Seconds, or null when the text is no duration. */
export function parseDuration(text: string): number | null {
  const [, number, unit] = durationPattern.exec(text) ?? [];
  if (number === undefined || (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd')) return null;
  const seconds = Number(number) * SECONDS[unit];
  return seconds <= longestDuration ? seconds : null;
}

/** In the largest unit that divides it: `3600` is `1h`. */
export function printDuration(seconds: number): string {
  for (const [unit, size] of Object.entries(SECONDS)) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}
