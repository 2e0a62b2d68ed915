import type { SigningAlgorithm } from './client-methods.js';

/**
 * What is particular about one authorization server, as data: each deviation is a member here and a branch nowhere else.
 * `standard` follows the specifications; docs/profiles.md says of the others what they rest on.
 */
export interface Profile {
  readonly name: string;
  /** RFC 6749 §2.3.1 asks for form encoding of id and secret; some servers do not decode. */
  readonly basicEncoding: 'form' | 'raw';
  /**
   * How scopes are asked for: as they are declared; each behind the resource's name and a slash; by the one scope
   * `<resource>/.default`; or not at all. With the last two the server grants all that the client holds, so that less cannot be had.
   */
  readonly scopeForm: 'plain' | 'prefixed' | 'dot_default' | 'none';
  /** The parameter that carries the resource indicator (RFC 8707 §2), or null where the server takes none. */
  readonly resourceParameter: 'resource' | 'audience' | null;
  /** The assertion's `typ` header (RFC 7523bis §4), or null for none. */
  readonly assertionType: 'client-authentication+jwt' | 'JWT' | null;
  /** The assertion's audience: the issuer, or what older servers want: the pinned token endpoint, or the pinned endpoint that is called. */
  readonly assertionAudience: 'issuer' | 'token_endpoint' | 'endpoint';
  /** What an assertion says of the certificate of its key: its thumbprint by SHA-1 (what older servers want) or by SHA-256, or with the latter the certificates themselves (RFC 7515 §4.1.6–4.1.8). */
  readonly assertionCertificate: 'none' | 'x5t' | 'x5t#S256' | 'x5c';
  /** Seconds between `iat` and `exp`; at most 300. */
  readonly assertionLife: number;
  /** Seconds by which `iat` is dated back, against small clock errors. */
  readonly assertionBackdate: number;
  /** Whether `client_id` is sent beside an assertion (RFC 7521 §4.2 allows both). */
  readonly clientIdWithAssertion: boolean;
  /** What `token_type` may say besides `Bearer` and mean it, in lower case. */
  readonly otherBearerNames: readonly string[];
  /** The life assumed, in seconds, when the server does not say `expires_in`. */
  readonly defaultTokenLife: number;
  /** How the response's `scope` is written where not by RFC 6749 §3.3 alone: also as a list, or also with commas. */
  readonly scopeAnswer: 'standard' | 'list' | 'commas';
  /** The claims that name a token's scopes: strings or lists of them. */
  readonly scopeClaims: readonly string[];
  /** Scopes that the server adds unasked and that are no over-grant. */
  readonly toleratedExtraScopes: readonly string[];
  /** Audiences that the server adds unasked and that are no over-grant. */
  readonly toleratedExtraAudiences: readonly string[];
  /** The member of the response that names where the token is good, or null; everything else beyond the standard is passed over. */
  readonly audienceMember: string | null;
  /** The claims that name the client to whom a token was issued. */
  readonly clientClaims: readonly string[];
  /** What `iss` of its tokens may be besides the issuer; `{tenant}` is the first segment of the issuer's path. */
  readonly otherTokenIssuers: readonly string[];
  /** Whether the server returns one text to several requests. */
  readonly reusesTokens: boolean;
  /** Whether an access token can be taken back (RFC 7009); if not, it lives until it ends, whatever endpoint is published. */
  readonly revokesTokens: boolean;
  /** How the server says that it is asked too often, where `Retry-After` is not there: for whoever paces the requests. */
  readonly throttling: Throttling;
}

export interface Throttling {
  /** The response header that holds the time from when on it may be asked again, in seconds since 1970. */
  readonly resetHeader: string | null;
  /** Seconds for which it is left alone when it says nothing at all; null leaves that to the back-off. */
  readonly pause: number | null;
}

export const standardProfile: Profile = {
  name: 'standard',
  basicEncoding: 'form',
  scopeForm: 'plain',
  resourceParameter: 'resource',
  assertionType: 'client-authentication+jwt',
  assertionAudience: 'issuer',
  assertionCertificate: 'none',
  assertionLife: 60,
  assertionBackdate: 5,
  clientIdWithAssertion: false,
  otherBearerNames: [],
  defaultTokenLife: 300,
  scopeAnswer: 'standard',
  scopeClaims: ['scope', 'scp'],
  toleratedExtraScopes: [],
  toleratedExtraAudiences: [],
  audienceMember: null,
  clientClaims: ['client_id', 'azp'],
  otherTokenIssuers: [],
  reusesTokens: false,
  revokesTokens: true,
  throttling: { resetHeader: null, pause: null },
};

/** Scopes alone say what is wanted, and assertions are typed as they were before RFC 7523bis. */
const byScopeAlone = { ...standardProfile, resourceParameter: null, assertionType: 'JWT' } as const;

const named: readonly Profile[] = [
  standardProfile,
  { ...byScopeAlone, name: 'keycloak', toleratedExtraScopes: ['email', 'profile'] },
  {
    ...byScopeAlone,
    name: 'auth0',
    resourceParameter: 'audience',
    revokesTokens: false,
    throttling: { resetHeader: 'x-ratelimit-reset', pause: 60 },
  },
  {
    ...byScopeAlone,
    name: 'entra',
    scopeForm: 'dot_default',
    assertionAudience: 'token_endpoint',
    assertionCertificate: 'x5t#S256',
    clientIdWithAssertion: true,
    scopeClaims: ['roles', 'scp'],
    clientClaims: ['azp', 'appid'],
    otherTokenIssuers: ['https://sts.windows.net/{tenant}/'],
    revokesTokens: false,
  },
  {
    ...byScopeAlone,
    name: 'okta',
    assertionAudience: 'endpoint',
    scopeClaims: ['scp'],
    clientClaims: ['cid'],
    throttling: { resetHeader: 'x-rate-limit-reset', pause: 60 },
  },
  { ...byScopeAlone, name: 'ping' },
  { ...byScopeAlone, name: 'cognito', scopeForm: 'prefixed', scopeClaims: ['scope'], revokesTokens: false },
  { ...byScopeAlone, name: 'salesforce', scopeForm: 'none', defaultTokenLife: 900, audienceMember: 'instance_url' },
  { ...byScopeAlone, name: 'hydra', resourceParameter: 'audience', assertionAudience: 'token_endpoint', scopeClaims: ['scp', 'scope'] },
];

/** The profiles that `profile:` may name. */
export const profiles: Readonly<Record<string, Profile>> = Object.fromEntries(named.map((profile) => [profile.name, profile]));

/**
 * The algorithms that a product takes assertions by, best first, where that is not our own order: its metadata need not say (CONFORMANCE
 * Q7). What a client signs by is its `algorithm`, and the first of these where it names none and Corridor makes the key.
 */
export const preferredAlgorithms: Readonly<Record<string, readonly SigningAlgorithm[]>> = {
  auth0: ['PS256', 'RS256'],
  entra: ['PS256', 'RS256'],
};

/** Whether assertions name endpoints, which the catalogue must pin then (CONFORMANCE A21). */
export function namesEndpoints({ assertionAudience }: Profile): boolean {
  return assertionAudience !== 'issuer';
}

/** Whether less can be asked of the server than all that the client holds at a resource. */
export function canNarrow({ scopeForm }: Profile): boolean {
  return scopeForm === 'plain' || scopeForm === 'prefixed';
}
