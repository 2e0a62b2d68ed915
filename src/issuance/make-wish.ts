import { senderConstraintOf } from '../catalogue/sender-constraint.js';
import type { Credential, CredentialStore } from '../credentials/credential.js';
import { endpointsFor } from '../upstreams/endpoints.js';
import { originOf, type ServerMetadata } from '../upstreams/metadata.js';
import type { ProofsOfPossession } from '../upstreams/proofs-of-possession.js';
import type { TokenWish } from '../upstreams/token.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';

/**
 * A wish by this version of the client's credential: bound to where it is sent (CONFORMANCE A16), and with a key to prove possession of
 * where the token is to be bound to one. @throws UpstreamFailed
 */
export async function makeWish(
  wanted: Omit<TokenWish, 'credential' | 'proofKey'>,
  version: Credential,
  metadata: ServerMetadata,
  credentials: CredentialStore,
  proofs: ProofsOfPossession,
): Promise<TokenWish> {
  const { tokenEndpoint } = endpointsFor(wanted, metadata);
  const wish = { ...wanted, credential: await bound(version, tokenEndpoint, credentials) };
  if (senderConstraintOf(wish) !== 'dpop') return wish;
  return { ...wish, proofKey: await proofs.keyFor(version.id, metadata.proofAlgorithms ?? null) };
}

async function bound(version: Credential, tokenEndpoint: string, credentials: CredentialStore): Promise<Credential> {
  if (version.tokenEndpointOrigin !== null) return version;
  const origin = originOf(tokenEndpoint);
  if (origin === null) throw new UpstreamFailed('metadata_invalid');
  return { ...version, tokenEndpointOrigin: await credentials.bind(version.id, origin) };
}
