import { execFileSync } from 'node:child_process';
import { cli } from '../rig/command-line.js';

/** Every variable that a Corridor reads, as its help says. */
export function knownVariables(): readonly string[] {
  const help = execFileSync(process.execPath, [cli, 'serve', '--help'], { encoding: 'utf8' });
  return help.match(/CORRIDOR_[A-Z_]+/g) ?? [];
}
