// A small OAuth 2.0 authorization server for client credentials, made of oidc-provider: what a company's own server would be.
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * The authorization server as a Koa application, not yet listening.
 *
 * @param {string} issuer
 * @param {object} registrations
 * @param {object[]} registrations.clients metadata of RFC 7591; grants and redirect URIs are filled in here
 * @param {Record<string, { scopes: string[], ttl?: number, format?: 'jwt' | 'opaque' }>} registrations.resources
 *   by resource indicator (RFC 8707); `ttl` in seconds
 * @param {object} [extra] further members of oidc-provider's configuration
 */
export async function createProvider(issuer, { clients, resources }, { features, ...extra } = {}) {
  const { Provider, errors } = await importQuietly();
  return new Provider(issuer, {
    clients: clients.map((client) => ({ grant_types: ['client_credentials'], redirect_uris: [], response_types: [], ...client })),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [await signingKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    features: {
      clientCredentials: { enabled: true },
      // the client itself, and a resource server: a client whose id is the resource
      introspection: { enabled: true, allowedPolicy: (ctx, { clientId }, token) => [token.clientId, token.aud].includes(clientId) },
      revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => {
          const known = resources[resource];
          if (known === undefined) throw new errors.InvalidTarget();
          return resourceServer(resource, known);
        },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      ...features,
    },
    // Its own protection refuses loopback addresses, which is where the keys of this demo's clients are.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    ...extra,
  });
}

function resourceServer(audience, { scopes, ttl = 3600, format = 'jwt' }) {
  const common = { audience, scope: scopes.join(' '), accessTokenTTL: ttl };
  return format === 'jwt'
    ? { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }
    : { ...common, accessTokenFormat: 'opaque' };
}

async function signingKey() {
  // not generateKeyPairSync: with Node 20 the export of what it made can stand still for good, on a lock of its own
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: randomBytes(8).toString('hex') };
}

/** oidc-provider says on the console that Node 20 and storage in memory are not for production, which is right and not news here. */
async function importQuietly() {
  for (const level of ['info', 'warn']) {
    const print = console[level].bind(console);
    console[level] = (...message) => {
      if (!String(message[0]).includes('oidc-provider ')) print(...message);
    };
  }
  return import('oidc-provider');
}
