import { hash } from 'node:crypto';
import { senderConstraintOf } from '../catalogue/sender-constraint.js';
import { endpointsFor } from './endpoints.js';
import type { ServerMetadata } from './metadata.js';
import type { TokenWish } from './token.js';
import { wishParameters } from './wish-parameters.js';

/** What a token depends on, by name and value. */
export type Inputs = readonly (readonly [name: string, value: string])[];

/**
 * Everything that determines the token of a request: what is sent and as whom, except what is new in each attempt (the assertion),
 * and by what the answer is judged, so that a token accepted under one definition is not served under another (CONFORMANCE A67).
 */
export function requestInputs(wish: TokenWish, metadata: ServerMetadata): Inputs {
  const { server, client, credential, resource } = wish;
  return [
    ['issuer', metadata.issuer],
    ['token_endpoint', endpointsFor(wish, metadata).tokenEndpoint],
    ['server', server.id],
    ['profile', JSON.stringify(server.profile)],
    ['client', client.id],
    ['client_id', client.clientId],
    ['method', client.method],
    ['credential', credential.id],
    ['longest_life', String(client.maxTokenLife)],
    ['resource', resource.uri],
    ['audience', resource.audience ?? ''],
    ['verify_audience', String(resource.verifyAudience)],
    ['sender_constraint', senderConstraintOf(wish)],
    ['proof_key', wish.proofKey?.thumbprint ?? ''],
    ...wishParameters(wish).map(([name, value]) => [`parameter ${name}`, value] as const),
  ];
}

/**
 * The key under which a token may be found again, by those of this isolation domain alone: SHA-256 over all inputs. Each text is
 * preceded by its length, so that no two lists of texts have the same bytes; UTF-16 keeps even what is no Unicode apart.
 */
export function cacheKey(inputs: Inputs, isolationDomain: string): string {
  let all = `${isolationDomain.length}:${isolationDomain}`;
  for (const [name, value] of inputs) all += `${name.length}:${name}${value.length}:${value}`;
  return hash('sha256', Buffer.from(all, 'utf16le'));
}
