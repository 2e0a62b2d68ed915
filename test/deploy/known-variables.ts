import { execFileSync } from 'node:child_process';
import { cli } from '../rig/command-line.js';

/** To come. */
const AWAITED = ['CORRIDOR_ROLE', 'CORRIDOR_REDIS_URL_FILE', 'CORRIDOR_DATABASE_URL_FILE', 'CORRIDOR_TRUSTED_PROXIES', 'CORRIDOR_DRAIN'];

/** Every variable that a Corridor reads, as its help says. */
export function knownVariables(): readonly string[] {
  const help = execFileSync(process.execPath, [cli, 'serve', '--help'], { encoding: 'utf8' });
  return [...AWAITED, ...(help.match(/CORRIDOR_[A-Z_]+/g) ?? [])];
}
