import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';

/** Of all cores together, in units that only their ratio is made of. */
export interface CoreTimes {
  readonly idle: number;
  readonly all: number;
}

const STAT = '/proc/stat';

/** Where the kernel tells of what a hypervisor took, that counts as busy: nobody here could have it. `os.cpus()` says nothing of it. */
export function coreTimes(): CoreTimes {
  return existsSync(STAT) ? timesOf(readFileSync(STAT, 'utf8')) : timesByNode();
}

/** Of the first line (proc_stat(5)). Time in which a core waits for a disk is left out, as Node leaves it out. */
export function timesOf(stat: string): CoreTimes {
  const counts = /^cpu +([\d ]+)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = NaN, nice = NaN, system = NaN, idle = NaN, , irq = NaN, softirq = NaN, steal = NaN] = counts;
  const all = user + nice + system + idle + irq + softirq + steal;
  if (Number.isNaN(all)) throw new TypeError(`${STAT} has another form than is known`);
  return { idle, all };
}

function timesByNode(): CoreTimes {
  const times = os.cpus().map((core) => core.times);
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: times.reduce((sum, each) => sum + each.user + each.nice + each.sys + each.idle + each.irq, 0),
  };
}
