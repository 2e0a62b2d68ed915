import type { TokenRequest } from '../issuance/token-request.js';
import { AuthorizationDetails } from '../oauth/authorization-details.js';
import { InvalidClient, InvalidRequest, UnsupportedGrantType } from '../oauth/errors.js';
import { ResourceIndicator } from '../oauth/resource-indicator.js';
import { Scope } from '../oauth/scope.js';
import { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';
import { parseBasicCredentials } from './basic-credentials.js';
import { Form } from './form.js';
import type { PostedForm } from './posted-form.js';

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** draft-ietf-oauth-spiffe-client-auth §3.1 (CONFORMANCE B107) */
const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';

/** @throws InvalidRequest, InvalidClient, UnsupportedGrantType, InvalidScope, InvalidTarget, InvalidAuthorizationDetails */
export function parseTokenRequest(raw: PostedForm): TokenRequest {
  const form = Form.parse(raw.body);
  const grant = form.get('grant_type');
  if (grant === null) throw new InvalidRequest('grant_type is missing');
  if (grant !== 'client_credentials') throw new UnsupportedGrantType('the only grant here is client_credentials');
  const clientAuthentication = parseClientAuthentication(form, raw.authorization);
  const details = form.get('authorization_details');
  const scope = form.get('scope');
  return {
    clientAuthentication,
    scope: scope === null ? null : Scope.parse(scope),
    details: details === null ? AuthorizationDetails.none : AuthorizationDetails.parse(details),
    resources: form.all('resource').map((uri) => ResourceIndicator.parse(uri)),
    traceparent:
      raw.traceparent !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(raw.traceparent) ? raw.traceparent : null,
    address: raw.address,
  };
}

/** RFC 6749 §2.3: one mechanism only; a `client_id` beside another mechanism must agree with it. */
export function parseClientAuthentication(form: Form, authorization: string | undefined): ClientAuthentication {
  const clientId = form.get('client_id');
  const secret = form.get('client_secret');
  const assertion = form.get('client_assertion');
  const assertionType = form.get('client_assertion_type');
  const presented = [authorization !== undefined, secret !== null, assertion !== null || assertionType !== null];
  if (presented.filter(Boolean).length > 1) throw new InvalidRequest('the request authenticates the client in more than one way');

  if (authorization !== undefined) {
    const basic = parseBasicCredentials(authorization);
    if (clientId !== null && clientId !== basic.clientId) throw new InvalidRequest('client_id differs from the authenticated client');
    return { kind: 'basic', ...basic };
  }
  if (secret !== null) {
    if (clientId === null) throw new InvalidClient('client_id is missing', false);
    return { kind: 'post', clientId, secret: new Secret(secret) };
  }
  if (assertion === null) throw new InvalidClient('the client must authenticate', false);
  if (assertionType !== JWT_BEARER && assertionType !== JWT_SPIFFE) {
    throw new InvalidRequest(`client_assertion_type must be ${JWT_BEARER}, or ${JWT_SPIFFE} for an SVID`);
  }
  return {
    kind: 'assertion',
    form: assertionType === JWT_SPIFFE ? 'jwt-spiffe' : 'jwt-bearer',
    clientId,
    assertion: new Secret(assertion),
  };
}
