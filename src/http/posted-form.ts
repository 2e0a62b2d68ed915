import type { FastifyRequest } from 'fastify';
import { InvalidRequest } from '../oauth/errors.js';
import { MethodNotAllowed } from './framework-errors.js';

/** Node keeps the first of these and drops the others; whoever stands before us may have read the last. */
const ONCE = new Set(['authorization', 'content-type', 'content-encoding']);

/** A form that was posted, as raw text, with what else its message says. */
export interface PostedForm {
  readonly body: string;
  readonly authorization: string | undefined;
  readonly traceparent: string | undefined;
  readonly address: string;
}

/**
 * Takes a form out of its HTTP message, which must say each thing in one place: how every OAuth endpoint here is asked.
 * @throws MethodNotAllowed, InvalidRequest
 */
export function readPostedForm({ method, url, raw, headers, body, ip }: FastifyRequest): PostedForm {
  if (method !== 'POST') throw new MethodNotAllowed();
  // CONFORMANCE B3: nothing in the URL is ever honoured
  if (url.includes('?')) throw new InvalidRequest('parameters belong in the body, not in the URL');
  // CONFORMANCE B13: two Authorization headers are two mechanisms
  if (repeatsHeader(raw.rawHeaders)) throw new InvalidRequest('a header is repeated that must stand once');
  // CONFORMANCE B8: nothing is unpacked here, so nothing small can become large
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new InvalidRequest('the body must not be compressed');
  if (typeof body !== 'string') throw new InvalidRequest('the body must be application/x-www-form-urlencoded');
  return { body, authorization: headers.authorization, traceparent: single(headers['traceparent']), address: ip };
}

function repeatsHeader(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!ONCE.has(name)) continue;
    if (seen.has(name)) return true;
    seen.add(name);
  }
  return false;
}

function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
