import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { newIdentifier, type Randomness } from '../oauth/identifier.js';
import { keyedDigest } from './keyed-digest.js';
import {
  boundElsewhere,
  isTooShort,
  materialOf,
  tooShort,
  problemOf,
  type CredentialProblem,
  type NewCredential,
} from './plan-credentials.js';
import type { CredentialBinding, CredentialVersion } from './sealed-credential.js';
import { mayGoTo } from './secret-binding.js';
import type { SecretReferences } from './secret-references.js';

export interface RotationPlanning {
  readonly client: Client;
  readonly server: AuthorizationServer;
  readonly current: CredentialVersion;
  /** Where other secrets are bound to or had been. */
  readonly bindings: readonly CredentialBinding[];
  readonly references: SecretReferences;
  readonly digestKey: Uint8Array;
  readonly randomness: Randomness;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Makes the version that is to replace the one in use: a new key pair, or what the reference holds; `unchanged` when it holds what is in
 * use. Changes nothing and keeps nothing.
 */
export async function planRotation(planning: RotationPlanning): Promise<NewCredential | CredentialProblem | 'unchanged'> {
  const { client, server, current, references, digestKey, randomness, now } = planning;
  try {
    const given = client.credential.kind === 'generate' ? null : await references.read(client.credential);
    const digest = given === null ? null : keyedDigest(given, digestKey);
    if (digest !== null && digest === current.keyedDigest) return 'unchanged';
    if (digest !== null && !mayGoTo(server, client, planning.bindings, digest)) return boundElsewhere(client);
    if (given !== null && isTooShort(client, given)) return tooShort(client);
    return {
      id: newIdentifier('cre', now, randomness),
      client: client.id,
      method: client.method,
      issuer: server.issuer,
      keyedDigest: digest,
      ...(await materialOf(client, server, given, now)),
      cause: digest === null ? 'rotation' : 'secret_changed',
      replaces: current.id,
    };
  } catch (error) {
    return problemOf(client, error);
  }
}
