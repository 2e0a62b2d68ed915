import { spawn } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '../platform/package-root.js';
import { CommandFailed } from './command-failed.js';
import type { Register } from './command.js';
import { exitOf, Signals } from './run-command.js';

/** corridor demo: a day in the life, played by examples/demo. */
export const registerDemo: Register = (program, surroundings) => {
  program
    .command('demo')
    .description('a day in the life, with a real authorization server, on this machine')
    .option('--once', 'end afterwards, with exit code 0 only when every step went as it must')
    .action(async (options: { once?: boolean }) => {
      const script = path.join(packageRoot(import.meta.url), 'examples', 'demo', 'demo.mjs');
      const child = spawn(process.execPath, [script, ...(options.once ? ['--once'] : [])], {
        stdio: 'inherit',
        cwd: surroundings.directory,
      });
      // the demo ends its children and then itself
      const signals = new Signals(surroundings);
      signals.passTo(child);
      const code = await exitOf(child, script).finally(() => signals.release());
      if (code !== 0) throw new CommandFailed('', code);
    });
};
