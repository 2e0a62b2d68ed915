import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const MODULE = 'github.com/prometheus/prometheus/cmd/promtool';
const VERSION = 'v0.316.0';
const run = promisify(execFile);

/** Prometheus's own checker of rules, or why there is none here. */
export type Promtool = { readonly path: string } | { readonly missing: string };

/**
 * The one that CORRIDOR_TEST_PROMTOOL names, or one that Go builds from its module proxy, once for this machine and outside the
 * repository: minutes the first time, though without the SDKs of all clouds (`remove_all_sd`), and nothing later.
 */
export async function promtool(say: (line: string) => void): Promise<Promtool> {
  const named = process.env['CORRIDOR_TEST_PROMTOOL'];
  if (named !== undefined) return { path: named };
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'corridor-test');
  const built = path.join(cache, `promtool-${VERSION}`);
  if (existsSync(built)) return { path: built };
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(path.join(cache, 'building-'));
  try {
    say(`building promtool ${VERSION} with Go into ${cache}`);
    await run('go', ['install', '-tags', 'remove_all_sd', `${MODULE}@${VERSION}`], {
      env: { ...process.env, GOBIN: fresh },
      timeout: 20 * 60_000,
    });
    await rename(path.join(fresh, 'promtool'), built);
    return { path: built };
  } catch (error) {
    return { missing: `promtool could not be built: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
