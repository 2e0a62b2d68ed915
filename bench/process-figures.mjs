// What a process has used so far, from outside of it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

const CLOCK_TICKS = 100; // USER_HZ, the same on every Linux that Node runs on
const SECTOR = 512; // of /proc/diskstats, whatever the disk has

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

/** CPU of its main thread alone, in milliseconds; null where nobody counts it. */
export function cpuOfMainThread(pid) {
  const stat = `/proc/${pid}/task/${pid}/stat`;
  if (!existsSync(stat)) return null;
  const fields = readFileSync(stat, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

/** CPU of this process, in milliseconds. */
export function ownCpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** CPU of a process with its children, those that have ended as well, in milliseconds. */
export function cpuOfFamily(pid) {
  if (!existsSync(`/proc/${pid}/stat`)) return cpuOf(pid);
  let ticks = 0;
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1].split(' ');
      if (Number(entry) === pid)
        ticks += sum(fields.slice(11, 15)); // its own time, and that of children that have ended
      else if (Number(fields[1]) === pid) ticks += sum(fields.slice(11, 13));
    } catch {
      // it has ended meanwhile
    }
  }
  return (ticks * 1000) / CLOCK_TICKS;
}

const sum = (texts) => texts.reduce((total, text) => total + Number(text), 0);

/**
 * Bytes that the disk under a directory was given so far, by whomever, or null where nobody counts them. What is counted for a process
 * is no measure: a kernel with large folios counts a whole folio for each page of it.
 */
export function writtenUnder(directory) {
  try {
    const { dev } = statSync(directory, { bigint: true });
    const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)];
    const line = new RegExp(`^ *${major} +${minor} (.*)$`, 'm').exec(readFileSync('/proc/diskstats', 'utf8'));
    return line === null ? null : Number(line[1].split(' ')[7]) * SECTOR;
  } catch {
    return null;
  }
}
