/**
 * What is particular about one authorization server, as data: each deviation is a member here and a branch nowhere else.
 * `standard` follows the specifications.
 */
export interface Profile {
  readonly name: string;
  /** RFC 6749 §2.3.1 asks for form encoding of id and secret; some servers do not decode. */
  readonly basicEncoding: 'form' | 'raw';
  /** The parameter that carries the resource indicator (RFC 8707 §2), or null where the server takes none. */
  readonly resourceParameter: 'resource' | 'audience' | null;
  /** The assertion's `typ` header (RFC 7523bis §4), or null for none. */
  readonly assertionType: 'client-authentication+jwt' | 'JWT' | null;
  /** The assertion's audience: the issuer, or the pinned token endpoint of older servers. */
  readonly assertionAudience: 'issuer' | 'token_endpoint';
  /** What an assertion says of the certificate of its key: its thumbprint, or with it the certificates themselves (RFC 7515 §4.1.6, §4.1.8). */
  readonly assertionCertificate: 'none' | 'x5t#S256' | 'x5c';
  /** Seconds between `iat` and `exp`; at most 300. */
  readonly assertionLife: number;
  /** Seconds by which `iat` is dated back, against small clock errors. */
  readonly assertionBackdate: number;
  /** Whether `client_id` is sent beside an assertion (RFC 7521 §4.2 allows both). */
  readonly clientIdWithAssertion: boolean;
  /** The life assumed, in seconds, when the server does not say `expires_in`. */
  readonly defaultTokenLife: number;
  /** Scopes that the server adds unasked and that are no over-grant. */
  readonly toleratedExtraScopes: readonly string[];
  /** Whether the server returns one text to several requests. */
  readonly reusesTokens: boolean;
}

export const standardProfile: Profile = {
  name: 'standard',
  basicEncoding: 'form',
  resourceParameter: 'resource',
  assertionType: 'client-authentication+jwt',
  assertionAudience: 'issuer',
  assertionCertificate: 'none',
  assertionLife: 60,
  assertionBackdate: 5,
  clientIdWithAssertion: false,
  defaultTokenLife: 300,
  toleratedExtraScopes: [],
  reusesTokens: false,
};

/** The profiles that `profile:` may name. */
export const profiles: Readonly<Record<string, Profile>> = { standard: standardProfile };
