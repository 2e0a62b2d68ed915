import type { Parameter } from './form-encoding.js';
import { nameAtServer, scopesOnTheWire } from './scope-form.js';
import type { TokenWish } from './token.js';

/**
 * The parameters that say what is wanted (RFC 6749 §4.4.2). The scope is said wherever the server takes one, so that its default is
 * never taken (CONFORMANCE A39); the resource goes under the name that the server knows (A41, A42), by the parameter that it knows.
 */
export function wishParameters(wish: TokenWish): readonly Parameter[] {
  if (wish.scope.isEmpty) throw new Error('a token request needs a scope');
  const { resourceParameter } = wish.server.profile;
  const scopes = scopesOnTheWire(wish);
  return [
    ['grant_type', 'client_credentials'],
    ...(scopes.length === 0 ? [] : [['scope', scopes.join(' ')] as const]),
    ...(resourceParameter === null ? [] : [[resourceParameter, nameAtServer(wish.resource)] as const]),
  ];
}
