import { z } from 'zod';
import { corridor, type Register } from './command.js';

const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/** corridor client jwks: what the client's authorization server needs to know. */
export const registerClient: Register = (program, surroundings) => {
  program
    .command('client')
    .description('upstream clients')
    .command('jwks <client>')
    .description('the public keys of one client, as its authorization server needs them')
    .action(async (id: string) => {
      const keys = await (await corridor(surroundings)).call('GET', `/oauth2/clients/${encodeURIComponent(id)}/jwks`, keySet);
      surroundings.out(JSON.stringify(keys, null, 2));
    });
};
