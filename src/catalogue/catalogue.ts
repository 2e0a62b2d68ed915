import type { MacAlgorithm, SigningAlgorithm, UpstreamAuthenticationMethod } from './client-methods.js';
import type { Profile } from './profile.js';
import type { SenderConstraint } from './sender-constraint.js';
import type { WorkloadIdentity } from './workload-identity.js';

/** An upstream OAuth authorization server, named by its issuer (RFC 8414). */
export interface AuthorizationServer {
  readonly id: string;
  readonly issuer: string;
  readonly profile: Profile;
  /** Hosts that may be reached by plain http or at a loopback or private address. */
  readonly allowHosts: readonly string[];
  /** What its tokens are bound to where the resource does not say. */
  readonly senderConstraint?: SenderConstraint;
  /** The authorities that its certificates are checked by in place of the system's: what the file held when the catalogue was applied. */
  readonly ca?: { readonly path: string; readonly pem: string };
  /** Where its endpoints are, when it publishes no metadata or its endpoints are at another origin. */
  readonly tokenEndpoint?: string;
  /** For the clients that show a certificate (RFC 8705 §5). */
  readonly mtlsTokenEndpoint?: string;
  readonly revocationEndpoint?: string;
}

/** A protected resource, named by its resource indicator (RFC 8707). Times in seconds. */
export interface Resource {
  readonly id: string;
  readonly uri: string;
  /** The name by which its authorization server knows it, where that is not the uri. */
  readonly audience?: string;
  readonly authorizationServer: string;
  readonly scopes: readonly string[];
  /** The types of authorization details (RFC 9396 §2) that may be asked for; absent where none may. */
  readonly authorizationDetailsTypes?: readonly string[];
  readonly defaultScopes: readonly string[];
  readonly maxTokenTtl: number;
  /** Refuses a token whose audience cannot be learned. */
  readonly verifyAudience: boolean;
  readonly senderConstraint?: SenderConstraint;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Purpose {
  readonly id: string;
  readonly description: string;
  readonly needsUser: boolean;
}

/** A named automation. Times in seconds. */
export interface Workflow {
  readonly id: string;
  readonly owner: string;
  readonly purposes: readonly string[];
  readonly maxRunTtl: number;
  /** Token requests a minute: of each of its runs, and of all of them together. */
  readonly maxRunRequestsPerMinute?: number;
  readonly maxRequestsPerMinute?: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Where a client's secret comes from; `generate` means that Corridor makes the key pair. */
export type CredentialSource =
  { readonly kind: 'generate' } | { readonly kind: 'env'; readonly name: string } | { readonly kind: 'file'; readonly path: string };

/** A confidential client registered at one authorization server. Times in seconds. */
export interface Client {
  readonly id: string;
  readonly clientId: string;
  readonly authorizationServer: string;
  readonly owner: string;
  readonly workflows: readonly string[];
  readonly resources: readonly string[];
  /** By resource: the scopes that it was granted, where its server cannot narrow and they are not all of the resource's. */
  readonly holds?: Readonly<Record<string, readonly string[]>>;
  readonly method: UpstreamAuthenticationMethod;
  readonly credential: CredentialSource;
  /** How assertions are signed. Absent: ES256 for a key that Corridor makes, else what the key is good for; HS256 with a secret. */
  readonly algorithm?: SigningAlgorithm | MacAlgorithm;
  /** Absent: an operator tells its server of a new key. With `generate` alone. */
  readonly keyRegistration?: 'jwks_uri';
  readonly rotateEvery: number;
  readonly maxTokenLife: number;
}

/** The platform that starts runs, and the workflows that it may start. */
export interface Runtime {
  readonly id: string;
  readonly workflows: readonly string[];
  /** How its own JWTs are trusted; without one it starts runs with an API key alone. */
  readonly identity?: WorkloadIdentity;
  /** Token requests a minute of all the runs that it started. */
  readonly maxRequestsPerMinute?: number;
}

/** Everything above a run, as declared and reviewed. Records are keyed by id. */
export interface Catalogue {
  readonly timeZone: string;
  /** Absent: anyone with the role may. */
  readonly suspensionsLiftedBy?: 'another_person';
  readonly authorizationServers: Readonly<Record<string, AuthorizationServer>>;
  readonly resources: Readonly<Record<string, Resource>>;
  readonly purposes: Readonly<Record<string, Purpose>>;
  readonly workflows: Readonly<Record<string, Workflow>>;
  readonly clients: Readonly<Record<string, Client>>;
  readonly runtimes: Readonly<Record<string, Runtime>>;
}

export const emptyCatalogue: Catalogue = {
  timeZone: 'UTC',
  authorizationServers: {},
  resources: {},
  purposes: {},
  workflows: {},
  clients: {},
  runtimes: {},
};
