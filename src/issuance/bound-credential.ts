import type { Credential, CredentialStore } from '../credentials/credential.js';
import type { Endpoints } from '../upstreams/endpoints.js';
import { originOf } from '../upstreams/metadata.js';
import { UpstreamFailed } from '../upstreams/upstream-failed.js';

/** A credential, bound to where it is sent (CONFORMANCE A16). @throws UpstreamFailed */
export async function boundCredential(
  credentials: CredentialStore,
  credential: Credential,
  { tokenEndpoint }: Endpoints,
): Promise<Credential> {
  if (credential.tokenEndpointOrigin !== null) return credential;
  const origin = originOf(tokenEndpoint);
  if (origin === null) throw new UpstreamFailed('metadata_invalid');
  return { ...credential, tokenEndpointOrigin: await credentials.bind(credential.id, origin) };
}
