import { Command } from 'commander';
import { registerApply } from './apply.js';
import { registerClient } from './client.js';
import type { Surroundings } from './command.js';
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

/** Every command that works upon a running Corridor or on files. Errors are thrown, never printed here. */
export function buildProgram(surroundings: Surroundings): Command {
  const program = new Command('corridor')
    .description('a policy-driven credential broker for software agents')
    .enablePositionalOptions()
    .showHelpAfterError('(corridor --help says more)')
    .exitOverride();
  const families = [
    registerInit,
    registerApply,
    registerKey,
    registerClient,
    registerRun,
    registerToken,
    registerEntries,
    registerTrace,
    registerSuspend,
    registerSuspensions,
    registerExposure,
    registerPolicy,
    registerPosture,
    registerDemo,
  ];
  for (const register of families) register(program, surroundings);
  return program;
}
