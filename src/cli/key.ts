import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { roles, type Role } from '../access/api-key.js';
import { UsageWrong } from './command-failed.js';
import { corridor, show, table, type Register } from './command.js';

const created = z.object({ id: z.string(), name: z.string(), roles: z.array(z.string()), runtime: z.string().optional(), key: z.string() });
const listed = z.object({
  keys: z.array(
    z.object({ id: z.string(), name: z.string(), roles: z.array(z.string()), runtime: z.string().optional(), created_at: z.string() }),
  ),
});
const revoked = z.object({ id: z.string(), revoked_at: z.string() });

interface Create {
  role?: Role[];
  runtime?: string;
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
    .option('--name <name>', 'whose key it is')
    .option('--json', 'for programs')
    .action(async (options: Create) => {
      // a key of a runtime that could not start its runs would be of no use
      const chosen = [...new Set([...(options.role ?? []), ...(options.runtime === undefined ? [] : (['runtime'] as const))])];
      if (chosen.length === 0) throw new UsageWrong('say what the key is for: --role <role>, or --runtime <runtime>');
      const body = {
        roles: chosen,
        ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
        name: options.name ?? options.runtime ?? chosen.join('-'),
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
        table(keys.map(({ id, name, roles: held, runtime, created_at: at }) => [id, name, held.join(', '), runtime ?? '', at])),
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

function collectRole(text: string, before: Role[] = []): Role[] {
  const role = roles.find((known) => known === text);
  if (role === undefined) throw new InvalidArgumentError(`a role is one of ${roles.join(', ')}`);
  return [...before, role];
}
