import { z } from 'zod';
import { CommandFailed } from './command-failed.js';
import type { Register, Surroundings } from './command.js';

const success = z.looseObject({ access_token: z.string(), attribution: z.string().optional() });
const failure = z.looseObject({
  error: z.string(),
  error_description: z.string().optional(),
  reasons: z.array(z.looseObject({ code: z.string() })).optional(),
  attribution: z.string().optional(),
});

interface Options {
  resource?: string;
  scope?: string;
  json?: boolean;
}

/** corridor token: inside `corridor run`, prints the token and nothing else. */
export const registerToken: Register = (program, surroundings) => {
  program
    .command('token')
    .description('inside "corridor run": get a token and print it')
    .option('--resource <uri>', 'instead of OAUTH_RESOURCE')
    .option('--scope <scope>', 'instead of OAUTH_SCOPE')
    .option('--json', 'the whole answer of the token endpoint')
    .action(async (options: Options) => {
      const text = await requestToken(surroundings, options);
      const answer = success.safeParse(parseJson(text));
      if (!answer.success) throw new CommandFailed('OAUTH_TOKEN_URL answered with something that is no token.');
      surroundings.out(options.json ? JSON.stringify(answer.data) : answer.data.access_token);
    });
};

async function requestToken({ environment }: Surroundings, options: Options): Promise<string> {
  const { OAUTH_TOKEN_URL: url, OAUTH_CLIENT_ID: id, OAUTH_CLIENT_SECRET: secret } = environment;
  if (!url || !id || !secret) throw new CommandFailed('No run here: use this inside "corridor run --workflow … --purpose … -- <command>".');
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  const resource = options.resource ?? environment['OAUTH_RESOURCE'];
  const scope = options.scope ?? environment['OAUTH_SCOPE'];
  if (resource) form.set('resource', resource);
  if (scope) form.set('scope', scope);
  const response = await send(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`, accept: 'application/json' },
    body: form,
    redirect: 'manual',
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (response.ok) return text;
  throw refusal(parseJson(text), response.status);
}

async function send(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (cause) {
    throw new CommandFailed(`Corridor cannot be reached at ${url}: ${cause instanceof Error ? cause.message : 'no answer'}`);
  }
}

function refusal(answer: unknown, status: number): CommandFailed {
  const parsed = failure.safeParse(answer);
  if (!parsed.success) return new CommandFailed(`the token endpoint answered with status ${status}`);
  const { error, error_description: description, reasons, attribution } = parsed.data;
  const why = reasons === undefined ? '' : ` (${reasons.map(({ code }) => code).join(', ')})`;
  return new CommandFailed(`${error}: ${description ?? ''}${why}${attribution === undefined ? '' : ` — entry ${attribution}`}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
