import { z } from 'zod';
import { CommandFailed, UsageWrong } from './command-failed.js';
import { corridor, type Register, type Surroundings } from './command.js';
import type { CorridorApi } from './corridor-api.js';
import { runCommand, Signals } from './run-command.js';

const started = z.looseObject({
  id: z.string(),
  client_id: z.string(),
  client_secret: z.string(),
  issuer: z.string(),
  token_endpoint: z.string(),
});

interface Options {
  workflow: string;
  purpose: string;
  resource?: string;
  scope?: string;
  operator?: string;
  agent?: string;
  ttl?: string;
  parent?: string;
}

/** corridor run … -- CMD: a run for as long as the command lives; its exit code is passed on. */
export const registerRun: Register = (program, surroundings) => {
  program
    .command('run')
    .description('start a run, give the command its credentials, and end the run with the command')
    .requiredOption('--workflow <workflow>', 'the workflow that this is a run of')
    .requiredOption('--purpose <purpose>', 'why: one of the purposes of the workflow')
    .option('--resource <uri>', 'given to the command as OAUTH_RESOURCE')
    .option('--scope <scope>', 'given to the command as OAUTH_SCOPE')
    .option('--operator <name>', 'who starts it')
    .option('--agent <name>', 'what acts; the command by default')
    .option('--ttl <seconds>', 'how long the run may last')
    .option('--parent <run>', 'the run that this one is part of')
    .argument('<command...>', 'the command and its arguments, after --')
    .passThroughOptions()
    .addHelpText(
      'after',
      '\nThe command gets OAUTH_ISSUER, OAUTH_TOKEN_URL, OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET, and nothing of CORRIDOR_….\n' +
        'Its exit code is passed on; 128 and the number of a signal that ended it.',
    )
    .action(async (command: string[], options: Options) => {
      const body = runBody(command, options);
      const api = await corridor(surroundings);
      const signals = new Signals(surroundings);
      try {
        const exitCode = await startAndRun(api, body, command, options, surroundings, signals);
        if (exitCode !== 0) throw new CommandFailed('', exitCode);
      } finally {
        signals.release();
      }
    });
};

async function startAndRun(
  api: CorridorApi,
  body: Record<string, unknown>,
  command: readonly string[],
  options: Options,
  surroundings: Surroundings,
  signals: Signals,
): Promise<number> {
  const run = await api.call('POST', '/v1/runs', started, { body });
  const settings = {
    OAUTH_ISSUER: run.issuer,
    OAUTH_TOKEN_URL: run.token_endpoint,
    OAUTH_CLIENT_ID: run.client_id,
    OAUTH_CLIENT_SECRET: run.client_secret,
    OAUTH_RESOURCE: options.resource,
    OAUTH_SCOPE: options.scope,
  };
  try {
    return await runCommand(command, surroundings, settings, signals);
  } finally {
    await endRun(api, run.id, surroundings);
  }
}

function runBody(command: readonly string[], options: Options): Record<string, unknown> {
  if (options.ttl !== undefined && !/^[1-9]\d{0,7}$/.test(options.ttl))
    throw new UsageWrong('--ttl must be a whole number of seconds above 0');
  return {
    workflow: options.workflow,
    purpose: options.purpose,
    agent: { name: (options.agent ?? command[0] ?? 'command').slice(0, 200) },
    ...(options.operator === undefined ? {} : { operator: options.operator }),
    ...(options.ttl === undefined ? {} : { ttl: Number(options.ttl) }),
    ...(options.parent === undefined ? {} : { parent: options.parent }),
  };
}

/** The command's own result must not be lost because the run could not be ended: it ends by its time then. */
async function endRun(api: CorridorApi, id: string, surroundings: Surroundings): Promise<void> {
  try {
    await api.call('POST', `/v1/runs/${id}/end`, z.unknown());
  } catch (error) {
    surroundings.warn(
      `run ${id} could not be ended and lasts until its time is over: ${error instanceof Error ? error.message : 'no answer'}`,
    );
  }
}
