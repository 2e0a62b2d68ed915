import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { packageRoot } from '../platform/package-root.js';
import { registerApply } from './apply.js';
import { registerClient } from './client.js';
import type { Surroundings } from './command.js';
import { registerConfig } from './config.js';
import { registerDemo } from './demo.js';
import { registerEntries } from './entries.js';
import { registerExposure } from './exposure.js';
import { registerInit } from './init.js';
import { registerKey } from './key.js';
import { registerPolicy } from './policy.js';
import { registerPosture } from './posture.js';
import { registerRun } from './run.js';
import { registerSuspend } from './suspend.js';
import { registerSuspensions } from './suspensions.js';
import { registerToken } from './token.js';
import { registerTrace } from './trace.js';
import { registerUpstream } from './upstream.js';
import { registerWork } from './work.js';

/** Every command that works upon a running Corridor or on files. Errors are thrown, never printed here. */
export function buildProgram(surroundings: Surroundings): Command {
  const program = new Command('corridor')
    .description('a policy-driven credential broker for software agents')
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(--help says more)')
    .addHelpText(
      'after',
      `
Corridor is found by CORRIDOR_URL and CORRIDOR_KEY, else by the directory CORRIDOR_DATA_DIR (.corridor).
Exit codes: 0 fine, 1 failed, 2 not called as its help says, or nothing found by trace. run passes on that of its command.`,
    )
    .exitOverride();
  const families = [
    registerInit,
    registerConfig,
    registerApply,
    registerKey,
    registerClient,
    registerUpstream,
    registerRun,
    registerToken,
    registerEntries,
    registerTrace,
    registerSuspend,
    registerSuspensions,
    registerExposure,
    registerWork,
    registerPolicy,
    registerPosture,
    registerDemo,
  ];
  for (const register of families) register(program, surroundings);
  return program;
}

function version(): string {
  const text = readFileSync(path.join(packageRoot(import.meta.url), 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
