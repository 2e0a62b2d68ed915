import type { Throttling } from '../catalogue/profile.js';
import { Secret } from '../oauth/secret.js';
import { errorCodeOf, readMembers } from './answer-body.js';
import type { Signing } from './client-assertion.js';
import { authenticateClient, type Party } from './client-authentication.js';
import { endpointsFor } from './endpoints.js';
import { formBody } from './form-encoding.js';
import { postForm, type FormPost, type UpstreamAnswer } from './form-post.js';
import type { ServerMetadata } from './metadata.js';
import { readRefusal } from './refusal.js';
import type { UpstreamFault } from './token.js';
import { reachOf, UpstreamExchangeFailed, type UpstreamHttp } from './upstream-http.js';

export type PreparedRevocation = FormPost;

/**
 * What became of a revocation. pending: the token is to be taken for alive, and it is worth trying again, `retryAfter` in seconds
 * when the server said so. unsupported: this server cannot revoke it, it ends by itself. What a server refuses today, for the client or the
 * request, may be mended tomorrow: it is pending too.
 */
export type RevocationOutcome =
  | { readonly kind: 'revoked' }
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'pending'; readonly fault: UpstreamFault; readonly retryAfter: number | null };

/**
 * Builds the revocation of an access token (RFC 7009 §2.1), authenticated like any request of this client, with an assertion of its own
 * (CONFORMANCE A89); `unsupported` where the server has no endpoint for it, or cannot (A91).
 * @throws UpstreamFailed when the credential cannot be used here
 */
export async function prepareRevocation(
  party: Party,
  token: Secret,
  metadata: ServerMetadata,
  signing: Signing,
): Promise<PreparedRevocation | 'unsupported'> {
  const { revocationEndpoint } = endpointsFor(party, metadata);
  // some servers publish an endpoint that does nothing for an access token
  if (revocationEndpoint === null || !party.server.profile.revokesTokens) return 'unsupported';
  const accepted = {
    methods: metadata.revocationEndpointMethods,
    algorithms: metadata.revocationEndpointAlgorithms ?? metadata.tokenEndpointAlgorithms,
  };
  const authentication = await authenticateClient(party, revocationEndpoint, metadata, accepted, signing);
  const parameters = [['token', token.reveal()], ['token_type_hint', 'access_token'], ...authentication.parameters] as const;
  return {
    kind: 'revocation',
    endpoint: revocationEndpoint,
    reach: reachOf(party.server),
    authorization: authentication.authorization,
    certificate: authentication.certificate,
    proof: null,
    body: new Secret(formBody(parameters)),
  };
}

export function sendRevocation(prepared: PreparedRevocation, http: UpstreamHttp, deadline: number): Promise<UpstreamAnswer> {
  return postForm(prepared, http, deadline);
}

/**
 * Reads the answer to a revocation (RFC 7009 §2.2); 200 counts for an unknown token too. Whatever else it says, but that the type is
 * unsupported, leaves the token alive (CONFORMANCE A90, A91). `now` in milliseconds.
 */
export function readRevocationResponse(answer: UpstreamAnswer, now: number, throttling?: Throttling): RevocationOutcome {
  if (answer instanceof UpstreamExchangeFailed) return { kind: 'pending', fault: answer.fault, retryAfter: null };
  const code = errorCodeOf(readMembers(answer.body));
  if (code === 'unsupported_token_type') return { kind: 'unsupported' };
  if (answer.status === 200 && code === null) return { kind: 'revoked' };
  const { fault, retryAfter } = readRefusal(answer, now, throttling);
  return { kind: 'pending', fault, retryAfter };
}
