// What deploy/compose.yaml says of Corridor's own services, so that what is tried here is what is started there.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';

const file = path.resolve(import.meta.dirname, '../../deploy/compose.yaml');

/**
 * @returns {Promise<{ services: { name: string, environment: Record<string, string> }[], redisFlags: string[] }>}
 *   the services that run Corridor, in their order, and what redis-server is given after its configuration file
 */
export async function readTopology() {
  const { services } = parse(await readFile(file, 'utf8'), { merge: true });
  const { image } = services['api-1'];
  const own = Object.entries(services).filter(([, service]) => service.image === image);
  const [program, , ...redisFlags] = services.redis.command;
  if (program !== 'redis-server') throw new Error(`${file}: redis is started by ${program}`);
  return { services: own.map(([name, { environment }]) => ({ name, environment })), redisFlags };
}

/**
 * The environment of a service on this machine: as compose.yaml has it, but for the places that are elsewhere here. A file of a secret
 * lies in `secrets` under the name that it has there.
 */
export function environmentHere(environment, { secrets, ...here }) {
  const entries = Object.entries(environment).map(([name, value]) => {
    if (name.endsWith('_FILE')) return [name, path.join(secrets, path.basename(value))];
    if (name in here) return [name, here[name]];
    if (value.includes('$') || value.startsWith('/')) throw new Error(`compose.yaml sets ${name} to what is not here: ${value}`);
    return [name, value];
  });
  return Object.fromEntries(entries);
}
