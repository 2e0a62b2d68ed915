/** The platforms whose tokens have a ready mapping; `jwt` is any other issuer of JWTs. */
export type IdentityKind = 'jwt' | 'kubernetes' | 'github_actions' | 'gitlab_ci' | 'spiffe';

/** JWS algorithms with which platforms may sign: asymmetric ones alone (CONFORMANCE B24). */
export const assertionAlgorithmNames = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type AssertionAlgorithmName = (typeof assertionAlgorithmNames)[number];

/** A public key (RFC 7517), with the members that make it and those that limit its use. */
export interface PublicJwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly kid?: string;
  readonly alg?: string;
  readonly use?: string;
}

/** Where an issuer's keys are: found by its metadata, at a URL, or given in the catalogue. */
export type IssuerKeySource =
  | { readonly kind: 'discovery' }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'inline'; readonly keys: readonly PublicJwk[] };

/** What the claims of a token make of it. The first rule of a list whose patterns all match is the one that holds. */
export interface ClaimRule {
  /** Claim → pattern of its whole value. Claims are named at the top, or by a JSON Pointer (RFC 6901). */
  readonly match: Readonly<Record<string, string>>;
  readonly workflow: string;
  readonly purpose: string;
  /** Templates over signed claims, as are `operator` and `runId`. */
  readonly agent: { readonly name: string; readonly version: string; readonly model: string };
  readonly operator: string | null;
  readonly runId: string;
}

/** How a runtime's own JWTs are trusted instead of a secret (RFC 7523). Times in seconds. */
export interface WorkloadIdentity {
  readonly kind: IdentityKind;
  /** By what its assertions are known: their `iss`, or `spiffe://<trust domain>` at the begin of their `sub`. */
  readonly issuer: string;
  readonly keys: IssuerKeySource;
  /** Hosts that may be reached by plain http or at a loopback or private address. */
  readonly allowHosts: readonly string[];
  readonly algorithms: readonly AssertionAlgorithmName[];
  /** How far ahead `exp` may be at most. */
  readonly maxAssertionLife: number;
  /** An assertion may be used until it expires, and is then bound to the run that it started. */
  readonly assertionReuse: boolean;
  /** `aud` may be a list with our issuer as its one element. */
  readonly audienceArray: boolean;
  readonly claims: readonly ClaimRule[];
}
