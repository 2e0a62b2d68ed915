#!/usr/bin/env node
import { CommanderError } from 'commander';
import { CommandFailed } from './cli/corridor-api.js';
import type { Surroundings } from './cli/command.js';
import { buildProgram } from './cli/program.js';

const surroundings: Surroundings = {
  environment: process.env,
  directory: process.cwd(),
  out: (text) => void process.stdout.write(`${text}\n`),
  warn: (text) => void process.stderr.write(`${text}\n`),
  readStandardInput: async () => {
    process.stdin.setEncoding('utf8');
    let text = '';
    for await (const chunk of process.stdin) text += String(chunk);
    return text;
  },
};

// whoever reads has read enough, as in `corridor entries | head -1`
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const program = buildProgram(surroundings);
// the server is many modules, and other commands do without them
program
  .command('serve')
  .description('run Corridor')
  .action(async () => {
    const { serve } = await import('./serve.js');
    process.exitCode = await serve(process.env, process.cwd());
  });
program
  .command('migrate')
  .description('bring the database up to this version, and end')
  .action(async () => {
    const { migrateDatabase } = await import('./migrate.js');
    surroundings.out(await migrateDatabase(process.env, process.cwd()));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** One message on standard error; 0 for help, 1 or what the command said otherwise. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof CommandFailed) {
    if (error.message !== '') surroundings.warn(error.message);
    for (const { file, line, column, message } of error.problems) {
      if (file !== undefined) surroundings.warn(`${file}:${line ?? 1}:${column ?? 1}: ${message}`);
    }
    return error.exitCode;
  }
  surroundings.warn(error instanceof Error ? error.message : 'failed');
  return 1;
}
