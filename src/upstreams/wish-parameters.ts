import type { Parameter } from './form-encoding.js';
import { nameAtServer, scopesOnTheWire } from './scope-form.js';
import type { TokenWish } from './token.js';

/**
 * The parameters that say what is wanted (RFC 6749 §4.4.2). A scope that is wanted is said wherever the server takes one, so that its
 * default is never taken (CONFORMANCE A39), and so are details (RFC 9396 §6); the resource goes under the name that the server knows (A41, A42), by the parameter that it knows.
 */
export function wishParameters(wish: TokenWish): readonly Parameter[] {
  if (wish.scope.isEmpty && wish.details.isEmpty) throw new Error('a token request needs a scope or authorization details');
  const { resourceParameter } = wish.server.profile;
  const scopes = scopesOnTheWire(wish);
  return [
    ['grant_type', 'client_credentials'],
    ...(scopes.length === 0 ? [] : [['scope', scopes.join(' ')] as const]),
    ...(wish.details.isEmpty ? [] : [['authorization_details', wish.details.toString()] as const]),
    ...(resourceParameter === null ? [] : [[resourceParameter, nameAtServer(wish.resource)] as const]),
  ];
}
