import { isUtf8 } from 'node:buffer';
import { InvalidClient } from '../oauth/errors.js';
import { Secret } from '../oauth/secret.js';
import { decodeFormComponent } from './form.js';

/**
 * Reads `Authorization: Basic` as RFC 6749 §2.3.1 has it: id and secret form-encoded each, then base64 of both with a colon.
 * @throws InvalidClient with a challenge, for whatever else stands there (CONFORMANCE B16).
 */
export function parseBasicCredentials(authorization: string): { clientId: string; secret: Secret } {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization);
  const bytes = Buffer.from(match?.[1] ?? '', 'base64');
  const decoded = bytes.toString();
  const colon = decoded.indexOf(':');
  if (colon < 0 || !isUtf8(bytes)) throw new InvalidClient('the Authorization header is not well-formed Basic authentication', true);
  const clientId = decodeFormComponent(decoded.slice(0, colon));
  const secret = decodeFormComponent(decoded.slice(colon + 1));
  if (!clientId || !secret) throw new InvalidClient('the Authorization header is not well-formed Basic authentication', true);
  return { clientId, secret: new Secret(secret) };
}
