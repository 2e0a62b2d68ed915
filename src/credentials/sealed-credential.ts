import type { JWK } from 'jose';
import type { UpstreamAuthenticationMethod } from '../catalogue/client-methods.js';

/** The public half of a key, as others may see it: with its certificates as `x5c`, its own first, where it has any. */
export interface CredentialKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly algorithm: string;
  readonly publicKey: JWK;
}

/** A new version of a client's credential, ready to be kept: `sealed` was sealed with the context that `sealingContext` gives. */
export interface SealedCredential {
  readonly id: string;
  readonly client: string;
  readonly method: UpstreamAuthenticationMethod;
  readonly issuer: string;
  /** Null for a secret, whose text is what is sealed. Of a key it is the private half, a JWK in JSON. */
  readonly key: CredentialKey | null;
  readonly sealed: Uint8Array;
  /** Keyed digest of a referenced secret, by which a change is noticed. */
  readonly keyedDigest: string | null;
}

/** What a sealed credential is bound to: the row that holds it. */
export function sealingContext(credential: string): string {
  return `credential ${credential}`;
}

/** next: to be proven. current: in use. former: was in use before, and still known to its server for as long as a rotation goes on. */
export type CredentialState = 'next' | 'current' | 'former';

/** What may be known of a version in use without opening it. Milliseconds since 1970. */
export interface CredentialVersion {
  readonly id: string;
  readonly client: string;
  readonly method: UpstreamAuthenticationMethod;
  readonly issuer: string;
  readonly tokenEndpointOrigin: string | null;
  readonly key: CredentialKey | null;
  readonly keyedDigest: string | null;
  readonly state: CredentialState;
  readonly createdAt: number;
}

/** Where a version had been bound to, whether it is in use or was retired. */
export type CredentialBinding = Pick<CredentialVersion, 'client' | 'keyedDigest' | 'issuer' | 'tokenEndpointOrigin'>;

/**
 * The versions in use, the newest first, with those of rotations under way; never their secrets. `keysOf` gives the keys that one client's server may trust.
 * `formerBindings` tells of referenced secrets that were retired, since their text may be met again.
 */
export abstract class CredentialVersions {
  abstract inUse(): Promise<readonly CredentialVersion[]>;
  abstract formerBindings(): Promise<readonly CredentialBinding[]>;
  abstract keysOf(client: string): Promise<readonly CredentialKey[]>;
}
