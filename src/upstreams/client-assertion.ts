import { createHash, createSecretKey } from 'node:crypto';
import { SignJWT, type JWTHeaderParameters } from 'jose';
import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import { isMacAlgorithm, isSigningAlgorithm } from '../catalogue/client-methods.js';
import type { Profile } from '../catalogue/profile.js';
import type { KeyCredential, SecretCredential } from '../credentials/credential.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import type { ServerMetadata } from './metadata.js';
import type { ProofsOfPossession } from './proofs-of-possession.js';
import type { SigningKeys } from './signing-keys.js';
import { UpstreamFailed } from './upstream-failed.js';

/** What signing needs of the world. */
export interface Signing {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly keys: SigningKeys;
  readonly proofs: ProofsOfPossession;
}

export interface AssertingParty {
  readonly server: AuthorizationServer;
  readonly client: Client;
  readonly credential: KeyCredential | SecretCredential;
}

/** Seconds (CONFORMANCE A23). */
const LONGEST_LIFE = 300;

/**
 * Makes a client assertion (RFC 7523 §3 as RFC 7523bis narrows it): by and about the client, for the authorization server alone, of its
 * own type, short-lived, and new in each attempt. `algorithms` are those that the endpoint accepts, or null where it does not say.
 * @throws UpstreamFailed
 */
export async function clientAssertion(
  { server, client, credential }: AssertingParty,
  endpoint: string,
  metadata: ServerMetadata,
  algorithms: readonly string[] | null,
  { clock, randomness, keys }: Signing,
): Promise<{ readonly assertion: Secret; readonly jti: string }> {
  const { profile } = server;
  const header = 'secret' in credential ? macHeader(client) : keyHeader(credential, profile);
  if (algorithms?.includes(header.alg) === false) throw new UpstreamFailed('algorithm_unsupported');
  const issuedAt = Math.floor(clock.now() / 1000) - profile.assertionBackdate;
  const jti = Buffer.from(randomness.bytes(20)).toString('base64url');
  const key = 'secret' in credential ? createSecretKey(credential.secret.reveal(), 'utf8') : await keys.of(credential);
  const assertion = await new SignJWT()
    .setProtectedHeader({ ...header, ...(profile.assertionType === null ? {} : { typ: profile.assertionType }) })
    .setIssuer(client.clientId)
    .setSubject(client.clientId)
    .setAudience(audience(server, endpoint, metadata))
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + Math.min(profile.assertionLife, LONGEST_LIFE))
    .setJti(jti)
    .sign(key)
    .catch(() => {
      throw new UpstreamFailed('credential_unavailable');
    });
  return { assertion: new Secret(assertion), jti };
}

/** OpenID Connect Core §9: a MAC with the octets of the secret's UTF-8. */
function macHeader({ algorithm = 'HS256' }: Client): JWTHeaderParameters {
  if (!isMacAlgorithm(algorithm)) throw new UpstreamFailed('algorithm_unsupported');
  return { alg: algorithm };
}

/** CONFORMANCE A25, A26: asymmetric alone, and by the key's name; its certificate only where the profile says so. */
function keyHeader({ algorithm, kid, publicKey: { x5c } }: KeyCredential, { assertionCertificate }: Profile): JWTHeaderParameters {
  if (!isSigningAlgorithm(algorithm)) throw new UpstreamFailed('algorithm_unsupported');
  const header = { alg: algorithm, kid };
  if (assertionCertificate === 'none') return header;
  const [own] = x5c ?? [];
  if (x5c === undefined || own === undefined) throw new UpstreamFailed('credential_unavailable');
  const thumbprint = (hash: string): string => createHash(hash).update(Buffer.from(own, 'base64')).digest('base64url');
  if (assertionCertificate === 'x5t') return { ...header, x5t: thumbprint('sha1') };
  return { ...header, 'x5t#S256': thumbprint('sha256'), ...(assertionCertificate === 'x5c' && { x5c }) };
}

/**
 * One string: the issuer, as it was verified, at whichever endpoint. Only an endpoint that the catalogue itself names can stand in its
 * place; one out of a document could be another server's, which would then get our assertion (CONFORMANCE A20, A21).
 */
function audience({ profile, tokenEndpoint, revocationEndpoint }: AuthorizationServer, endpoint: string, metadata: ServerMetadata): string {
  if (profile.assertionAudience === 'issuer') return metadata.issuer;
  const wanted = profile.assertionAudience === 'endpoint' ? endpoint : tokenEndpoint;
  const isNamed = wanted === tokenEndpoint || wanted === revocationEndpoint;
  if (wanted === undefined || !isNamed) throw new UpstreamFailed('metadata_invalid');
  return wanted;
}
