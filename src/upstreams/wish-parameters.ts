import type { Parameter } from './form-encoding.js';
import type { TokenWish } from './token.js';

/**
 * The parameters that say what is wanted (RFC 6749 §4.4.2). The scope is always said, so that the server's default is never
 * taken (CONFORMANCE A39); the resource goes byte for byte as it is declared (A42), under the name that the server knows.
 */
export function wishParameters({ server, resource, scope }: TokenWish): readonly Parameter[] {
  if (scope.isEmpty) throw new Error('a token request needs a scope');
  const { resourceParameter } = server.profile;
  return [
    ['grant_type', 'client_credentials'],
    ['scope', scope.toString()],
    ...(resourceParameter === null ? [] : [[resourceParameter, resource.uri] as const]),
  ];
}
