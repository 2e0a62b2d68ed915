import type { JWK } from 'jose';
import type { CertificateMethod, SecretMethod } from '../catalogue/client-methods.js';
import type { Secret } from '../oauth/secret.js';

interface Version {
  /** Random, and new with each version. */
  readonly id: string;
  readonly client: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** A credential is bound to one issuer and the origin of its token endpoint (null until first used), and never sent elsewhere. */
  readonly issuer: string;
  readonly tokenEndpointOrigin: string | null;
}

export type SecretCredential = Version & { readonly method: SecretMethod; readonly secret: Secret };
export type KeyCredential = Version & { readonly method: 'private_key_jwt' } & KeyHalves;
export type CertificateCredential = Version & { readonly method: CertificateMethod } & KeyHalves;

/** One version of what a client authenticates with. */
export type Credential = SecretCredential | KeyCredential | CertificateCredential;

/** `privateKey` is a JWK in JSON. The public half holds the certificates of the key as `x5c`, its own first, where there are any. */
interface KeyHalves {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly algorithm: string;
  readonly publicKey: JWK;
  readonly privateKey: Secret;
}

/**
 * Where credentials are kept, sealed.
 *
 * current gives the version in use for a client, or null when there is none. other gives the one beside it while a rotation is under
 * way: the next one, or the one that was in use before; else null. issuerOf gives the issuer that a version is bound to, by its id, also
 * when it is retired; null for one that never was. bind MUST set the origin once and return the
 * origin that holds from then on, also when another replica was first.
 */
export abstract class CredentialStore {
  abstract current(client: string): Promise<Credential | null>;
  abstract other(client: string): Promise<Credential | null>;
  abstract issuerOf(credential: string): Promise<string | null>;
  abstract bind(credential: string, tokenEndpointOrigin: string): Promise<string>;
}
