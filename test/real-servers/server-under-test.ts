import type { SigningAlgorithm, UpstreamAuthenticationMethod } from '../../src/catalogue/client-methods.js';

/** How a client of the contract is registered, at the server and in the catalogue. Its workflow has the same name. */
export interface Party {
  readonly id: string;
  readonly method: UpstreamAuthenticationMethod;
  readonly algorithm?: SigningAlgorithm;
  /** `1h` unless it says otherwise. */
  readonly maxTokenLife?: string;
}

/** What the server is told of a party, by its method: a secret, where its keys are, or the host name in its certificate. */
export interface Registration extends Party {
  readonly secret: string;
  readonly jwksUri: string;
  readonly host: string;
}

/** The certificate of the server itself, which is at https://localhost, and the authority of all certificates, in PEM. */
export interface Tls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** The ways to authenticate that the contract holds each server to: one more is one more line. */
export const parties: readonly Party[] = [
  { id: 'client_secret_basic', method: 'client_secret_basic' },
  { id: 'client_secret_post', method: 'client_secret_post' },
  { id: 'client_secret_jwt', method: 'client_secret_jwt' },
  { id: 'private_key_jwt-es256', method: 'private_key_jwt', algorithm: 'ES256' },
  { id: 'private_key_jwt-eddsa', method: 'private_key_jwt', algorithm: 'EdDSA' },
  { id: 'private_key_jwt-ed25519', method: 'private_key_jwt', algorithm: 'Ed25519' },
  { id: 'private_key_jwt-ps256', method: 'private_key_jwt', algorithm: 'PS256' },
  { id: 'private_key_jwt-rs256', method: 'private_key_jwt', algorithm: 'RS256' },
  { id: 'tls_client_auth', method: 'tls_client_auth' },
  { id: 'self_signed_tls_client_auth', method: 'self_signed_tls_client_auth' },
];

/** Its tokens are JWTs at each server. */
export const crm = 'https://crm.example/api';
/** Its tokens are of a kind that each server can revoke, and must be known to be for it. */
export const ledger = 'https://ledger.example/api';
/** Who may introspect a resource's tokens: a client there whose `client_id` is the resource. */
export const resourceServerSecret = (resource: string): string => `of-${Buffer.from(resource).toString('hex')}`;
/** In the catalogue, and unknown to each server. */
export const unknownScope = 'crm:audit';
/** Seconds that a token lives at each server. */
export const tokenLife = 300;

export interface ServerUnderTest {
  /** With its version. */
  readonly name: string;
  /** What stands in `profile:`. */
  readonly profile: string;
  /** Ids of parties that it has no method for, or that cannot be tried here, and why. */
  readonly notOffered: Readonly<Record<string, string>>;
  /** Whether it revokes JWTs too. */
  readonly revokesJwts: boolean;
  /** How Corridor learns for whom a token of the ledger is. */
  readonly tellsAudience: 'by introspection' | 'by the token itself';
  /** What it does when one of the scopes is unknown to it. */
  readonly unknownScope: 'left out' | 'request refused';
  /** Whether a proof of possession needs a nonce of its own (RFC 9449 §8). */
  readonly wantsNonce: boolean;
  start(registrations: readonly Registration[], tls: Tls): Promise<RunningServer>;
}

export interface RunningServer {
  readonly issuer: string;
  /** What introspection tells the server of this resource (RFC 7662). */
  introspect(token: string, resource: string): Promise<Readonly<Record<string, unknown>>>;
  /** By a signal, with nothing said or saved. */
  kill(): Promise<void>;
  /** After `kill`, at the same place. It need not answer yet. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}
