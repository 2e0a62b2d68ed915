// What a process has used so far, from outside of it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const CLOCK_TICKS = 100; // USER_HZ, the same on every Linux that Node runs on

/** CPU of all its threads, in milliseconds. */
export function cpuOf(pid) {
  if (existsSync(`/proc/${pid}/stat`)) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS; // utime, stime
  }
  const [seconds, minutes = 0, hours = 0] = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/[:-]/)
    .map(Number)
    .reverse();
  return (hours * 3600 + minutes * 60 + seconds) * 1000;
}

/** Bytes that it made the disk write, or null where nobody counts them. */
export function writtenBy(pid) {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? NaN);
  } catch {
    return null;
  }
}
