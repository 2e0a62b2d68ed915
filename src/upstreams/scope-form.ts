import type { Resource } from '../catalogue/catalogue.js';
import type { TokenWish } from './token.js';

/** The name by which the authorization server knows a resource, byte for byte as it is declared (CONFORMANCE A42, Q17). */
export function nameAtServer({ uri, audience }: Resource): string {
  return audience ?? uri;
}

/** What a wish's scopes are called on the wire, as the profile says; empty where the server takes none. */
export function scopesOnTheWire({ server, resource, scope }: TokenWish): readonly string[] {
  switch (server.profile.scopeForm) {
    case 'plain':
      return scope.tokens;
    case 'prefixed':
      return scope.tokens.map((token) => prefixed(resource, token));
    case 'dot_default':
      return [prefixed(resource, '.default')];
    case 'none':
      return [];
  }
}

/** The wished scopes for which a scope stands that the server names; everything else that it names was not asked for. */
export function meaningOfScopes({ server, resource, scope }: TokenWish): ReadonlyMap<string, readonly string[]> {
  const each = (name: (token: string) => string): Map<string, readonly string[]> =>
    new Map(scope.tokens.map((token) => [name(token), [token]]));
  switch (server.profile.scopeForm) {
    case 'plain':
    case 'none':
      return each((token) => token);
    case 'prefixed':
      return each((token) => prefixed(resource, token));
    case 'dot_default':
      return each((token) => token).set(prefixed(resource, '.default'), scope.tokens);
  }
}

/** A name that ends with a slash keeps it: Entra's `https://database.windows.net//.default` is right. */
function prefixed(resource: Resource, token: string): string {
  return `${nameAtServer(resource)}/${token}`;
}
