import { exportJWK, generateKeyPair, calculateJwkThumbprint } from 'jose';
import { createHash } from 'node:crypto';
import type { AuthorizationServer, Client, Resource } from '../../src/catalogue/catalogue.js';
import type { SecretMethod } from '../../src/catalogue/client-methods.js';
import { standardProfile, type Profile } from '../../src/catalogue/profile.js';
import type { KeyCredential, SecretCredential } from '../../src/credentials/credential.js';
import type { Clock } from '../../src/oauth/clock.js';
import type { Randomness } from '../../src/oauth/identifier.js';
import { AuthorizationDetails } from '../../src/oauth/authorization-details.js';
import { Scope } from '../../src/oauth/scope.js';
import { Secret } from '../../src/oauth/secret.js';
import type { Signing } from '../../src/upstreams/client-assertion.js';
import type { ServerMetadata } from '../../src/upstreams/metadata.js';
import { ProofsOfPossession } from '../../src/upstreams/proofs-of-possession.js';
import { SigningKeys } from '../../src/upstreams/signing-keys.js';
import type { TokenWish } from '../../src/upstreams/token.js';

export const NOW = Date.parse('2026-03-03T13:05:00.000Z');
export const ISSUER = 'https://as.example';
export const RESOURCE = 'https://crm.example/api';

export class SteppedClock implements Clock {
  constructor(public at = NOW) {}
  now(): number {
    return this.at;
  }
}

/** Different bytes at each call, the same in each run. */
export class CountedRandomness implements Randomness {
  #calls = 0;
  bytes(length: number): Uint8Array {
    return createHash('sha512').update(String(this.#calls++)).digest().subarray(0, length);
  }
}

export function signing(clock: Clock = new SteppedClock()): Signing {
  const randomness = new CountedRandomness();
  return { clock, randomness, keys: new SigningKeys(), proofs: new ProofsOfPossession(clock, randomness) };
}

export function server(more: Partial<AuthorizationServer> = {}): AuthorizationServer {
  return { id: 'demo', issuer: ISSUER, profile: standardProfile, allowHosts: [], ...more };
}

export function profile(more: Partial<Profile>): Profile {
  return { ...standardProfile, ...more };
}

export function client(more: Partial<Client> = {}): Client {
  return {
    id: 'indexer',
    clientId: 'corridor-indexer',
    authorizationServer: 'demo',
    owner: 'search-team@example.com',
    workflows: ['nightly-index'],
    resources: ['crm'],
    method: 'client_secret_basic',
    credential: { kind: 'env', name: 'CORRIDOR_CLIENT_INDEXER' },
    rotateEvery: 7_776_000,
    maxTokenLife: 3600,
    ...more,
  };
}

export function resource(more: Partial<Resource> = {}): Resource {
  return {
    id: 'crm',
    uri: RESOURCE,
    authorizationServer: 'demo',
    scopes: ['crm:read', 'crm:write'],
    defaultScopes: ['crm:read'],
    maxTokenTtl: 3600,
    verifyAudience: false,
    labels: {},
    ...more,
  };
}

const version = { client: 'indexer', createdAt: NOW, issuer: ISSUER, tokenEndpointOrigin: ISSUER };

export function secretCredential(secret = 'canary secret', more: Partial<SecretCredential> = {}): SecretCredential {
  return { ...version, id: 'cresecret', method: 'client_secret_basic', ...more, secret: new Secret(secret) };
}

/** A key pair of its own, as a credential of `client`. */
export async function keyCredential(algorithm = 'ES256', more: Partial<typeof version> & { id?: string } = {}): Promise<KeyCredential> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  return {
    ...version,
    id: `crekey${algorithm}`,
    ...more,
    method: 'private_key_jwt',
    kid: await calculateJwkThumbprint(publicJwk),
    algorithm,
    publicKey: publicJwk,
    privateKey: new Secret(JSON.stringify(await exportJWK(privateKey))),
  };
}

export function wish(more: Partial<TokenWish> = {}): TokenWish {
  return {
    server: server(),
    client: client(),
    credential: secretCredential(),
    resource: resource(),
    scope: Scope.of(['crm:read']),
    details: AuthorizationDetails.none,
    ...more,
  };
}

/** A wish by secret in another way than Basic. */
export function wishBySecret(
  method: SecretMethod,
  more: Partial<TokenWish> = {},
  secret = 'a canary secret of more than 32 characters',
): TokenWish {
  return wish({ client: client({ method }), credential: secretCredential(secret, { method }), ...more });
}

/** A wish by key, for a server that knows the client's. */
export async function wishByKey(more: Partial<TokenWish> = {}): Promise<TokenWish> {
  return wish({ client: client({ method: 'private_key_jwt' }), credential: await keyCredential(), ...more });
}

export function metadata(more: Partial<ServerMetadata> = {}): ServerMetadata {
  return {
    issuer: ISSUER,
    tokenEndpoint: `${ISSUER}/token`,
    revocationEndpoint: `${ISSUER}/revoke`,
    introspectionEndpoint: `${ISSUER}/introspect`,
    tokenEndpointAlgorithms: null,
    revocationEndpointAlgorithms: null,
    introspectionEndpointAlgorithms: null,
    revocationEndpointMethods: null,
    introspectionEndpointMethods: null,
    authorizationDetailsTypes: null,
    warnings: [],
    source: 'document',
    ...more,
  };
}
