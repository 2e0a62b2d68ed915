import type { FastifyRequest } from 'fastify';
import { InvalidRequest } from '../oauth/errors.js';
import { MethodNotAllowed } from './framework-errors.js';

/** The form that was posted, as raw text: how every OAuth endpoint here is asked. @throws MethodNotAllowed, InvalidRequest */
export function formBody(request: FastifyRequest): string {
  if (request.method !== 'POST') throw new MethodNotAllowed();
  // CONFORMANCE B3: nothing in the URL is ever honoured
  if (request.url.includes('?')) throw new InvalidRequest('parameters belong in the body, not in the URL');
  if (typeof request.body !== 'string') throw new InvalidRequest('the body must be application/x-www-form-urlencoded');
  return request.body;
}
