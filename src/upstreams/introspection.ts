import { Secret } from '../oauth/secret.js';
import { isAbsent, isJson, readMembers } from './answer-body.js';
import type { Signing } from './client-assertion.js';
import { authenticateClient, type Party } from './client-authentication.js';
import { endpointsFor } from './endpoints.js';
import { formBody } from './form-encoding.js';
import { postForm, type FormPost, type UpstreamAnswer } from './form-post.js';
import { grantedDetails } from './granted-details.js';
import { confirmedScope } from './granted-scope.js';
import type { ServerMetadata } from './metadata.js';
import { learnBinding } from './token-binding.js';
import { learnAudience } from './token-audience.js';
import { tokenLifetime } from './token-lifetime.js';
import { identityFault } from './token-response.js';
import type { TokenWish, UpstreamFault, UpstreamOutcome, UpstreamToken } from './token.js';
import { reachOf, UpstreamExchangeFailed, type UpstreamHttp } from './upstream-http.js';

type Members = ReadonlyMap<string, unknown>;

/**
 * Builds the question what a token is (RFC 7662 §2.1), authenticated like any request of this client, with an assertion of its own
 * (CONFORMANCE A89); `unsupported` where the server has no endpoint for it.
 * @throws UpstreamFailed when the credential cannot be used here
 */
export async function prepareIntrospection(
  party: Party,
  token: Secret,
  metadata: ServerMetadata,
  signing: Signing,
): Promise<FormPost | 'unsupported'> {
  const { introspectionEndpoint } = endpointsFor(party, metadata);
  if (introspectionEndpoint === null) return 'unsupported';
  const accepted = {
    methods: metadata.introspectionEndpointMethods,
    algorithms: metadata.introspectionEndpointAlgorithms ?? metadata.tokenEndpointAlgorithms,
  };
  const authentication = await authenticateClient(party, introspectionEndpoint, metadata, accepted, signing);
  const parameters = [['token', token.reveal()], ['token_type_hint', 'access_token'], ...authentication.parameters] as const;
  return {
    kind: 'introspection',
    endpoint: introspectionEndpoint,
    reach: reachOf(party.server),
    authorization: authentication.authorization,
    certificate: authentication.certificate,
    proof: null,
    body: new Secret(formBody(parameters)),
  };
}

export function sendIntrospection(prepared: FormPost, http: UpstreamHttp, deadline: number): Promise<UpstreamAnswer> {
  return postForm(prepared, http, deadline);
}

/**
 * Judges a token, whose own text does not say for whom it is, by what its server says of it (RFC 7662 §2.2). Only the boolean `true` in
 * JSON with status 200 is active (CONFORMANCE A92); whatever else comes leaves the audience unverified, and the token refused.
 */
export function readIntrospectionResponse(wish: TokenWish, token: UpstreamToken, answer: UpstreamAnswer): UpstreamOutcome {
  const members = activeMembers(answer);
  if (members === null) return { kind: 'refused', fault: 'audience_unverified', token };
  const { audience, fault: audienceFault } = learnAudience(wish, new Map(), members);
  const { binding, fault: bindingFault } = learnBinding(wish, members);
  const { granted, fault: scopeFault } = confirmedScope(wish, token.granted, members);
  const details = grantedDetails(wish, token.grantedDetails.elements, members);
  const life = members.has('exp') ? tokenLifetime(wish, undefined, members, token.issuedAt) : { ...token, fault: null };
  const learned: UpstreamToken = {
    ...token,
    granted,
    grantedDetails: details.granted,
    binding,
    audience,
    expiresAt: Math.max(token.expiresAt, life.expiresAt),
    usableUntil: Math.min(token.usableUntil, life.usableUntil),
  };
  const faults: readonly (UpstreamFault | null)[] = [
    fitsType(members.get('token_type'), token.type) ? null : 'token_type_unusable',
    identityFault(wish, members),
    bindingFault,
    audienceFault,
    scopeFault,
    details.fault,
    life.fault,
    audience === 'unverified' ? 'audience_unverified' : null,
  ];
  const fault = faults.find((one) => one !== null) ?? null;
  return fault === null ? { kind: 'token', token: learned } : { kind: 'refused', fault, token: learned };
}

function activeMembers(answer: UpstreamAnswer): Members | null {
  if (answer instanceof UpstreamExchangeFailed || answer.status !== 200 || !isJson(answer)) return null;
  const members = readMembers(answer.body);
  return members?.get('active') === true ? members : null;
}

/** The type is optional here (RFC 7662 §2.2); some servers name the kind of token in its place. */
function fitsType(type: unknown, expected: UpstreamToken['type']): boolean {
  return isAbsent(type) || (typeof type === 'string' && [expected.toLowerCase(), 'access_token'].includes(type.toLowerCase()));
}
