import type { ConfigurationReport, ShownVariable } from './check-configuration.js';
import { CommandFailed, printFailure, type Problem } from './command-failed.js';
import { show, table, type Register } from './command.js';
import { printable } from './masked-value.js';

/** corridor config check: what is set, from where, and what is wrong with it: everything at once, without a running Corridor. */
export const registerConfig: Register = (program, surroundings) => {
  const config = program.command('config').description('the settings, as this environment has them');
  config
    .command('check')
    .description('say what is set and from where, and what contradicts, is missing or is of no use')
    .option('--all', 'also what is not set, with its default')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      '\nSecrets are masked. Warnings do not fail. Nothing is changed, and nobody is asked: no database, no server, no port.',
    )
    .action(async ({ all, json }: { all?: boolean; json?: boolean }) => {
      const { checkConfiguration } = await import('./check-configuration.js'); // many modules, which other commands do without
      const report = await checkConfiguration(surroundings.environment, surroundings.directory);
      const variables = report.variables.filter(({ from }) => all === true || from !== 'default');
      const { problems, warnings } = report;
      show(surroundings, json, { ok: problems.length === 0, variables, problems, warnings }, () => print({ ...report, variables }));
      if (json !== true) for (const warning of warnings) surroundings.warn(`warning: ${line(warning)}`);
      if (problems.length === 0) return;
      const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
      throw new CommandFailed(json === true ? '' : `The configuration has ${count}:`, 1, json === true ? [] : problems);
    });
};

function print({ variables, problems, warnings }: ConfigurationReport): string {
  const rows = variables.map((variable) => [variable.name, printable(variable.value ?? 'unset'), origin(variable)]);
  const what = rows.length === 0 ? 'Nothing is set: every variable has its default (--all shows them).' : table(rows);
  return problems.length + warnings.length === 0 ? `${what}\nNothing is wrong with it.` : what;
}

function origin({ from, file }: ShownVariable): string {
  return file === undefined ? from : `file ${printable(file)}`;
}

function line(problem: Problem): string {
  return printFailure(new CommandFailed('', 1, [problem])).join('');
}
