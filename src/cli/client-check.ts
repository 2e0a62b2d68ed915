import { z } from 'zod';
import { CommandFailed } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';

const checked = z.looseObject({
  client: z.string(),
  run: z.string(),
  workflow: z.string(),
  entry: z.string(),
  result: z.enum(['passed', 'failed']),
  asked: z.looseObject({
    resource: z.looseObject({ id: z.string(), uri: z.string() }).nullable(),
    scope: z.array(z.string()),
    longest_life: z.number().nullable(),
    token_type: z.string().nullable(),
    binding: z.string().nullable(),
  }),
  returned: z
    .looseObject({
      scope: z.array(z.string()),
      audience: z.union([z.array(z.string()), z.literal('unverified')]),
      lifetime: z.union([z.number(), z.string()]).nullable(),
      expires_at: z.string(),
      token_type: z.string().nullable(),
      binding: z.string(),
    })
    .nullable(),
  revocation: z.string().nullable(),
  problems: z.array(z.looseObject({ code: z.string(), message: z.string() })),
  notes: z.array(z.string()),
});

interface Options {
  workflow?: string;
  purpose?: string;
  resource?: string;
  scope?: string;
  json?: boolean;
}

/** corridor client check: a token of the least scope, held against what was asked for, and revoked. */
export const registerClientCheck: Register = (client, surroundings) => {
  client
    .command('check <client>')
    .description('get a token with the least scope, show what the server made of the request, and revoke it')
    .option('--workflow <workflow>', 'as which of its workflows')
    .option('--purpose <purpose>', 'for which purpose of the workflow')
    .option('--resource <resource>', 'for which of its resources, by its name in the catalogue')
    .option('--scope <scope>', 'one scope of the resource')
    .option('--json', 'for programs')
    .action(async (id: string, { json, ...wish }: Options) => {
      const api = await corridor(surroundings);
      const made = await api.call('POST', `/v1/clients/${encodeURIComponent(id)}/check`, checked, { body: wish });
      show(surroundings, json, made, print);
      if (made.result === 'failed') {
        throw new CommandFailed(`Client ${id} did not pass: ${made.problems.map(({ code }) => code).join(', ')}.`);
      }
    });
};

function print({ client, run, workflow, entry, asked, returned, revocation, problems, notes }: z.infer<typeof checked>): string {
  const rows = [
    ['', 'asked', 'returned'],
    ['scope', asked.scope.join(' '), returned?.scope.join(' ') ?? '-'],
    ['audience', asked.resource?.uri ?? '-', audienceOf(returned)],
    ['lifetime', asked.longest_life === null ? '-' : `at most ${asked.longest_life} s`, lifetimeOf(returned)],
    ['token type', asked.token_type ?? '-', returned === null ? '-' : (returned.token_type ?? 'not said')],
    ['binding', asked.binding ?? '-', returned?.binding ?? '-'],
  ];
  return [
    `Client ${client}, as ${run} of ${workflow}:`,
    table(rows),
    ...(revocation === null ? [] : [`revocation: ${revocation}`]),
    ...problems.map(({ code, message }) => `wrong: ${code}: ${message}`),
    ...notes.map((note) => `note: ${note}`),
    `Recorded as ${entry}.`,
  ].join('\n');
}

function lifetimeOf(returned: z.infer<typeof checked>['returned']): string {
  if (returned === null) return '-';
  return typeof returned.lifetime === 'number' ? `${returned.lifetime} s` : (returned.lifetime ?? 'not said');
}

function audienceOf(returned: z.infer<typeof checked>['returned']): string {
  if (returned === null) return '-';
  return returned.audience === 'unverified' ? 'unverified' : returned.audience.join(' ');
}
