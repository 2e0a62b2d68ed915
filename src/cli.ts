#!/usr/bin/env node
import { CommanderError, Option } from 'commander';
import { CommandFailed, printFailure, USAGE } from './cli/command-failed.js';
import { buildProgram } from './cli/program.js';
import { surroundingsOf } from './cli/standard-streams.js';
import { roles } from './config/readers.js';
import { definitions, fileVariable, type Variable } from './config/variables.js';

const surroundings = surroundingsOf(process);
const program = buildProgram(surroundings);
// the server is many modules, and other commands do without them
program
  .command('serve')
  .description('run Corridor until a signal ends it')
  .addOption(new Option('--role <role>', 'what this process does, in place of CORRIDOR_ROLE').choices(roles))
  .addHelpText('after', printVariables)
  .action(async ({ role }: { role?: string }) => {
    const { serve } = await import('./serve.js');
    process.exitCode = await serve(role === undefined ? process.env : { ...process.env, CORRIDOR_ROLE: role }, process.cwd());
  });
program
  .command('migrate')
  .description('bring the database up to this version, and end')
  .addHelpText('after', '\nThe database of CORRIDOR_DATABASE_URL, else the one in CORRIDOR_DATA_DIR, which no Corridor may be using.')
  .action(async () => {
    const { migrateDatabase } = await import('./migrate.js');
    surroundings.out(await migrateDatabase(process.env, process.cwd()));
  });
program
  .command('acknowledge-restore')
  .description('on PostgreSQL: say that what a restored database lacks is lost, so that tokens are released again')
  .requiredOption('--reason <text>', 'what happened; it stands in the record')
  .addHelpText(
    'after',
    '\nDatabase and data directory are those of CORRIDOR_DATABASE_URL and CORRIDOR_DATA_DIR. docs/restore.md says when to do this.',
  )
  .action(async ({ reason }: { reason: string }) => {
    const { acknowledgeRestore } = await import('./acknowledge-restore.js');
    surroundings.out(await acknowledgeRestore(process.env, process.cwd(), reason));
  });
program
  .command('recover-admin-key')
  .description('when nobody has an admin key any more: make one, into admin.key of the data directory')
  .requiredOption('--reason <text>', 'what happened; it stands in the record')
  .addHelpText(
    'after',
    '\nWho has the database of CORRIDOR_DATABASE_URL and keys/seal.key in CORRIDOR_DATA_DIR may do this, while Corridor serves. The\n' +
      'embedded database no Corridor may be using.',
  )
  .action(async ({ reason }: { reason: string }) => {
    const { recoverAdminKey } = await import('./recover-admin-key.js');
    surroundings.out(await recoverAdminKey(process.env, process.cwd(), reason));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** What there is to say goes to standard error; the exit codes are those that `corridor --help` names. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE; // it has said so itself
  if (error instanceof CommandFailed) {
    for (const line of printFailure(error)) surroundings.warn(line);
    return error.exitCode;
  }
  surroundings.warn(error instanceof Error ? error.message : 'failed');
  return 1;
}

function printVariables(): string {
  const width = Math.max(...definitions.map(([name]) => name.length));
  const lines = definitions.map(([name, variable]) => `  ${name.padEnd(width)}  ${meaningOf(name, variable)}`);
  return ['\nVariables, with their defaults last:', ...lines].join('\n');
}

function meaningOf(name: string, { meaning, default: value, unset, secret }: Variable<unknown>): string {
  const file = secret === true ? `, or in the file of ${fileVariable(name)}` : '';
  return `${meaning.replaceAll('`', '')}${file}; ${value ?? unset ?? 'unset'}`;
}
