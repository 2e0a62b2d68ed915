import type { FastifyRequest } from 'fastify';
import type { TokenQuestion } from '../issuance/token-question.js';
import { InvalidRequest } from '../oauth/errors.js';
import { Secret } from '../oauth/secret.js';
import { Form } from './form.js';
import { readPostedForm } from './posted-form.js';
import { parseClientAuthentication } from './token-request.js';

/**
 * A request for revocation or introspection (RFC 7009 §2.1, RFC 7662 §2.1). Its `token_type_hint` is not even read: a token is found
 * whatever it says (CONFORMANCE B91).
 * @throws InvalidRequest, InvalidClient, MethodNotAllowed
 */
export function parseTokenQuestion(request: FastifyRequest): TokenQuestion {
  return parseQuestionBy(request, parseClientAuthentication);
}

/** The same, of whoever `authenticationOf` finds in the form and the Authorization header. */
export function parseQuestionBy<Authentication>(
  request: FastifyRequest,
  authenticationOf: (form: Form, authorization: string | undefined) => Authentication,
): TokenQuestion<Authentication> {
  const { body, authorization, address } = readPostedForm(request);
  const form = Form.parse(body);
  const clientAuthentication = authenticationOf(form, authorization);
  const token = form.get('token');
  if (token === null) throw new InvalidRequest('token is missing');
  return { clientAuthentication, token: new Secret(token), address };
}
