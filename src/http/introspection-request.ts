import type { FastifyRequest } from 'fastify';
import type { ResourceServerKey, TokenQuestion } from '../issuance/token-question.js';
import { InvalidClient, InvalidRequest } from '../oauth/errors.js';
import { Secret } from '../oauth/secret.js';
import type { ClientAuthentication } from '../runs/client-authentication.js';
import type { Form } from './form.js';
import { parseQuestionBy } from './token-question.js';
import { parseClientAuthentication } from './token-request.js';

const KEY_ID = /^key[0-9a-z]{1,60}$/;

/**
 * A request for introspection (RFC 7662 §2.1) by a run, which authenticates as at the token endpoint, or by a resource server: its
 * key stands in `Authorization: Bearer`, or is the secret beside its id.
 * @throws InvalidRequest, InvalidClient, MethodNotAllowed
 */
export function parseIntrospectionRequest(request: FastifyRequest): TokenQuestion<ClientAuthentication | ResourceServerKey> {
  return parseQuestionBy(request, (form, authorization) => bearerKey(form, authorization) ?? clientOrKey(form, authorization));
}

function bearerKey(form: Form, authorization: string | undefined): ResourceServerKey | null {
  if (authorization === undefined || !/^bearer\b/i.test(authorization)) return null;
  if (['client_secret', 'client_assertion', 'client_assertion_type'].some((name) => form.get(name) !== null)) {
    throw new InvalidRequest('the request authenticates the client in more than one way');
  }
  const key = /^bearer +([A-Za-z0-9]{20,200})$/i.exec(authorization)?.[1];
  if (key === undefined) throw new InvalidClient('the Authorization header holds no key', 'Bearer');
  return { kind: 'key', id: null, key: new Secret(key) };
}

function clientOrKey(form: Form, authorization: string | undefined): ClientAuthentication | ResourceServerKey {
  const presented = parseClientAuthentication(form, authorization);
  if (presented.kind === 'assertion' || !KEY_ID.test(presented.clientId)) return presented;
  return { kind: 'key', id: presented.clientId, key: presented.secret };
}
