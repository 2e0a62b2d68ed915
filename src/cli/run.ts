import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { z } from 'zod';
import { CommandFailed, type CorridorApi } from './corridor-api.js';
import { corridor, type Register, type Surroundings } from './command.js';

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

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

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
    .argument('<command...>', 'after --')
    .passThroughOptions()
    .action(async (command: string[], options: Options) => {
      const api = await corridor(surroundings);
      const run = await api.call('POST', '/v1/runs', started, { body: runBody(command, options) });
      let exitCode: number;
      try {
        exitCode = await runCommand(command, surroundings, {
          OAUTH_ISSUER: run.issuer,
          OAUTH_TOKEN_URL: run.token_endpoint,
          OAUTH_CLIENT_ID: run.client_id,
          OAUTH_CLIENT_SECRET: run.client_secret,
          OAUTH_RESOURCE: options.resource,
          OAUTH_SCOPE: options.scope,
        });
      } finally {
        await endRun(api, run.id, surroundings);
      }
      if (exitCode !== 0) throw new CommandFailed('', exitCode);
    });
};

function runBody(command: readonly string[], options: Options): Record<string, unknown> {
  if (options.ttl !== undefined && !/^\d{1,8}$/.test(options.ttl)) throw new CommandFailed('--ttl must be a whole number of seconds');
  return {
    workflow: options.workflow,
    purpose: options.purpose,
    agent: { name: (options.agent ?? command[0] ?? 'command').slice(0, 200) },
    ...(options.operator === undefined ? {} : { operator: options.operator }),
    ...(options.ttl === undefined ? {} : { ttl: Number(options.ttl) }),
    ...(options.parent === undefined ? {} : { parent: options.parent }),
  };
}

/** The command sees its own credentials, and nothing that is Corridor's: no key, no database, no secret of an upstream client. */
async function runCommand(
  command: readonly string[],
  surroundings: Surroundings,
  settings: Record<string, string | undefined>,
): Promise<number> {
  const others = Object.entries(surroundings.environment).filter(([name]) => !name.startsWith('CORRIDOR_'));
  const environment: Record<string, string | undefined> = { ...Object.fromEntries(others), ...settings };
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: 'inherit', env: environment, cwd: surroundings.directory });
  const forward = FORWARDED.map((signal) => {
    const listener = (): void => void child.kill(signal);
    process.on(signal, listener);
    return { signal, listener };
  });
  try {
    return await exitOf(child, file);
  } finally {
    for (const { signal, listener } of forward) process.off(signal, listener);
  }
}

async function exitOf(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(
        new CommandFailed(missing ? `${file}: command not found` : `${file} cannot be started: ${error.message}`, missing ? 127 : 126),
      );
    });
    // a shell's convention: 128 and the signal's number
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
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
