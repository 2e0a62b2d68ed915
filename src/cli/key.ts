import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { roles, type Role } from '../access/api-key.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';

const described = {
  id: z.string(),
  name: z.string(),
  roles: z.array(z.string()),
  runtime: z.string().optional(),
  resource: z.string().optional(),
};
const created = z.object({ ...described, key: z.string() });
const listed = z.object({ keys: z.array(z.object({ ...described, created_at: z.string() })) });
const revoked = z.object({ id: z.string(), revoked_at: z.string() });

interface Create {
  role?: Role[];
  runtime?: string;
  resource?: string;
  name?: string;
  json?: boolean;
}

/** corridor key create|list|revoke */
export const registerKey: Register = (program, surroundings) => {
  const key = program.command('key').description('API keys: each belongs to a named principal with roles');

  key
    .command('create')
    .description('make a key; it is shown once')
    .option('--role <role>', `a role (may be repeated): ${roles.join(', ')}`, collectRole)
    .option('--runtime <runtime>', 'the runtime of the catalogue that starts runs with this key')
    .option('--resource <resource>', 'the resource of the catalogue whose server introspects tokens with this key')
    .option('--name <name>', 'whose key it is')
    .option('--json', 'for programs')
    .action(async (options: Create) => {
      const chosen = rolesMeant(options);
      const body = {
        roles: chosen,
        ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
        ...(options.resource === undefined ? {} : { resource: options.resource }),
        name: options.name ?? options.runtime ?? options.resource ?? chosen.join('-'),
      };
      const made = await (await corridor(surroundings)).call('POST', '/v1/keys', created, { body });
      show(surroundings, options.json, made, () => made.key);
      if (!options.json)
        surroundings.warn(`${made.id} (${made.roles.join(', ')}) for ${made.name}. The key is shown this once: keep it safe.`);
    });

  key
    .command('list')
    .description('the keys that are not revoked')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const { keys } = await (await corridor(surroundings)).call('GET', '/v1/keys', listed);
      show(surroundings, options.json, keys, () =>
        table(
          keys.map(({ id, name, roles: held, runtime, resource, created_at: at }) => [
            id,
            name,
            held.join(', '),
            runtime ?? resource ?? '',
            at,
          ]),
        ),
      );
    });

  key
    .command('revoke <key>')
    .description('end a key at once')
    .option('--json', 'for programs')
    .action(async (id: string, options: { json?: boolean }) => {
      const gone = await (await corridor(surroundings)).call('DELETE', `/v1/keys/${encodeURIComponent(id)}`, revoked);
      show(surroundings, options.json, gone, () => `${gone.id} revoked`);
    });
};

/** The roles that were given, and the one that goes with what the key is for: without it, it would be of no use. */
function rolesMeant({ role = [], runtime, resource }: Create): Role[] {
  const implied = [
    ...(runtime === undefined ? [] : (['runtime'] as const)),
    ...(resource === undefined ? [] : (['resource-server'] as const)),
  ];
  const meant = [...new Set([...role, ...implied])];
  if (meant.length === 0) throw new UsageWrong('say what the key is for: --role <role>, --runtime <runtime> or --resource <resource>');
  return meant;
}

function collectRole(text: string, before: Role[] = []): Role[] {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`a role is one of ${roles.join(', ')}`);
  return [...before, role];
}
