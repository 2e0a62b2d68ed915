import { Secret } from '../oauth/secret.js';
import type { Signing } from './client-assertion.js';
import { authenticateClient } from './client-authentication.js';
import { endpointsFor } from './endpoints.js';
import { formBody } from './form-encoding.js';
import { postForm, type FormPost, type UpstreamAnswer } from './form-post.js';
import type { ServerMetadata } from './metadata.js';
import type { TokenWish } from './token.js';
import { UpstreamFailed } from './upstream-failed.js';
import { reachOf, type UpstreamHttp } from './upstream-http.js';
import { wishParameters } from './wish-parameters.js';

/** One attempt at an authorization server, not yet sent. It must be sent at most once: a retry is prepared anew. */
export interface PreparedTokenRequest extends FormPost {
  /** The assertion's `jti`, which ties the attempt to the server's own list; null for a secret. */
  readonly assertionJti: string | null;
}

/**
 * Builds the client credentials request (RFC 6749 §4.4.2) of a wish.
 * @throws UpstreamFailed when the credential cannot be used here, or the server says that it knows other details (CONFORMANCE A46)
 */
export async function prepareTokenRequest(wish: TokenWish, metadata: ServerMetadata, signing: Signing): Promise<PreparedTokenRequest> {
  const { authorizationDetailsTypes: known } = metadata;
  if (known !== null && wish.details.types.some((type) => !known.includes(type))) throw new UpstreamFailed('details_type_unsupported');
  const endpoint = endpointsFor(wish, metadata).tokenEndpoint;
  const accepted = { methods: null, algorithms: metadata.tokenEndpointAlgorithms };
  const authentication = await authenticateClient(wish, endpoint, metadata, accepted, signing);
  return {
    kind: 'token',
    endpoint,
    reach: reachOf(wish.server),
    authorization: authentication.authorization,
    certificate: authentication.certificate,
    proof: wish.proofKey === undefined ? null : await signing.proofs.prove(wish.proofKey, endpoint),
    body: new Secret(formBody([...wishParameters(wish), ...authentication.parameters])),
    assertionJti: authentication.assertionJti,
  };
}

/** Sends the request, after its intent is durable. The answer is for `readTokenResponse`, with the time before this call. */
export function sendTokenRequest(prepared: PreparedTokenRequest, http: UpstreamHttp, deadline: number): Promise<UpstreamAnswer> {
  return postForm(prepared, http, deadline);
}
