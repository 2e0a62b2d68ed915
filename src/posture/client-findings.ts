import type { Catalogue, Client } from '../catalogue/catalogue.js';
import { isSecretMethod } from '../catalogue/client-methods.js';
import { printDuration } from '../catalogue/duration.js';
import { declared } from '../catalogue/look-up.js';
import type { Finding, FindingCode } from './finding.js';

/** Tokens that live longer than this are worth a warning, in seconds. */
const LONG_TOKEN_LIFE = 86_400;

/** What is said of clients by the catalogue alone. */
export function clientFindings(catalogue: Catalogue): Finding[] {
  const clients = Object.values(catalogue.clients);
  return clients.flatMap((client) => [
    ...sharedByOwners(catalogue, client),
    ...sharedRegistration(client, clients),
    ...secret(client, clients),
    ...tokenLife(catalogue, client),
  ]);
}

function sharedByOwners(catalogue: Catalogue, client: Client): Finding[] {
  const owners = new Set(client.workflows.map((id) => declared(catalogue.workflows, id)?.owner ?? client.owner));
  if (owners.size < 2) return [];
  const message = `it serves workflows of ${[...owners].sort().join(' and ')}: its server cannot tell them apart; register a client for each owner`;
  return [warning('client_shared_by_owners', client, message)];
}

function sharedRegistration(client: Client, clients: readonly Client[]): Finding[] {
  const same = ({ id, clientId, authorizationServer }: Client) =>
    id !== client.id && clientId === client.clientId && authorizationServer === client.authorizationServer;
  const others = clients.filter(same).map(({ id }) => id);
  if (others.length === 0) return [];
  const message = `its client_id is also that of ${others.join(', ')} at the same server: stopping one does not stop the other there; declare it once`;
  return [warning('registration_shared', client, message)];
}

/** That a server takes keys is known where another client of it uses one. */
function secret(client: Client, clients: readonly Client[]): Finding[] {
  if (!isSecretMethod(client.method)) return [];
  const takesKeys = clients.some((other) => other.authorizationServer === client.authorizationServer && !isSecretMethod(other.method));
  if (takesKeys)
    return [warning('secret_where_key_possible', client, 'it uses a secret, though its server takes keys: change it to private_key_jwt')];
  return [info('secret_in_use', client, 'it uses a secret: change it to private_key_jwt where its server takes keys')];
}

function tokenLife(catalogue: Catalogue, client: Client): Finding[] {
  const life = printDuration(client.maxTokenLife);
  const long =
    client.maxTokenLife > LONG_TOKEN_LIFE
      ? [warning('token_life_long', client, `its tokens may live ${life}: have its server issue shorter ones`)]
      : [];
  const outlived = client.resources.filter((id) => (declared(catalogue.resources, id)?.maxTokenTtl ?? Infinity) < client.maxTokenLife);
  if (outlived.length === 0) return long;
  const message = `its tokens may live ${life}, longer than ${outlived.join(', ')} allows: Corridor stops serving them in time, but who has one can go on`;
  return [...long, info('token_outlives_limit', client, message)];
}

function warning(code: FindingCode, client: Client, message: string): Finding {
  return { code, severity: 'warning', subject: `client ${client.id}`, message };
}

function info(code: FindingCode, client: Client, message: string): Finding {
  return { code, severity: 'info', subject: `client ${client.id}`, message };
}
