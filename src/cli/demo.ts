import { spawn } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '../platform/package-root.js';
import { CommandFailed } from './corridor-api.js';
import type { Register } from './command.js';

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
      // the terminal's own signal reaches the demo too; it ends its children and then itself
      const wait = (): void => undefined;
      process.on('SIGINT', wait);
      const terminate = (): void => void child.kill('SIGTERM');
      process.on('SIGTERM', terminate);
      const code = await new Promise<number>((resolve) => child.once('exit', (exitCode) => resolve(exitCode ?? 1)));
      process.off('SIGINT', wait);
      process.off('SIGTERM', terminate);
      if (code !== 0) throw new CommandFailed('', code);
    });
};
