import { z } from 'zod';
import { registerClientCheck } from './client-check.js';
import { registerClientRotation } from './client-rotation.js';
import { CommandFailed } from './command-failed.js';
import { corridor, type Register } from './command.js';

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
/** RFC 6749 §5.2: what every error under /oauth2/ has, also of a client that is not there. */
const unknownClient = z.looseObject({ error: z.string() });

/** corridor client: jwks, what the client's authorization server needs to know; check, whether it works; show and rotate. */
export const registerClient: Register = (program, surroundings) => {
  const client = program.command('client').description('upstream clients');
  registerClientCheck(client, surroundings);
  registerClientRotation(client, surroundings);
  client
    .command('jwks <client>')
    .description('the public keys of one client, as its authorization server needs them')
    .action(async (id: string) => {
      const api = await corridor(surroundings);
      const route = `/oauth2/clients/${encodeURIComponent(id)}/jwks`;
      const found = await api.call('GET', route, z.union([keySet, unknownClient]), { accept: [404] });
      if ('error' in found) throw new CommandFailed(`There is no client ${id} in the catalogue.`);
      surroundings.out(JSON.stringify(found, null, 2));
    });
};
