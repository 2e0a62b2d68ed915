import { SignJWT } from 'jose';
import type { AuthorizationServer, Client } from '../catalogue/catalogue.js';
import type { Clock } from '../oauth/clock.js';
import type { Randomness } from '../oauth/identifier.js';
import { Secret } from '../oauth/secret.js';
import type { ServerMetadata } from './metadata.js';
import type { KeyCredential, SigningKeys } from './signing-keys.js';
import { UpstreamFailed } from './upstream-failed.js';

/** What signing needs of the world. */
export interface Signing {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly keys: SigningKeys;
}

/** CONFORMANCE A26: asymmetric alone; RS256 for servers that know no other. */
const ALGORITHMS: readonly string[] = ['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256'];
/** Seconds (CONFORMANCE A23). */
const LONGEST_LIFE = 300;

/**
 * Makes a client assertion (RFC 7523 §3 as RFC 7523bis narrows it): by and about the client, for the authorization server alone, of its
 * own type, short-lived, and new in each attempt. `algorithms` are those that the endpoint accepts, or null where it does not say.
 * @throws UpstreamFailed
 */
export async function clientAssertion(
  { server, client, credential }: { server: AuthorizationServer; client: Client; credential: KeyCredential },
  metadata: ServerMetadata,
  algorithms: readonly string[] | null,
  { clock, randomness, keys }: Signing,
): Promise<{ readonly assertion: Secret; readonly jti: string }> {
  const { algorithm, kid } = credential;
  if (!ALGORITHMS.includes(algorithm) || algorithms?.includes(algorithm) === false) throw new UpstreamFailed('algorithm_unsupported');
  const { assertionType, assertionLife, assertionBackdate } = server.profile;
  const issuedAt = Math.floor(clock.now() / 1000) - assertionBackdate;
  const jti = Buffer.from(randomness.bytes(20)).toString('base64url');
  const key = await keys.of(credential);
  const assertion = await new SignJWT()
    .setProtectedHeader({ alg: algorithm, kid, ...(assertionType === null ? {} : { typ: assertionType }) })
    .setIssuer(client.clientId)
    .setSubject(client.clientId)
    .setAudience(audience(server, metadata))
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + Math.min(assertionLife, LONGEST_LIFE))
    .setJti(jti)
    .sign(key)
    .catch(() => {
      throw new UpstreamFailed('credential_unavailable');
    });
  return { assertion: new Secret(assertion), jti };
}

/**
 * One string: the issuer, as it was verified, at whichever endpoint. Only a token endpoint that the catalogue itself names can stand
 * in its place; one out of a document could be another server's, which would then get our assertion (CONFORMANCE A20, A21).
 */
function audience(server: AuthorizationServer, metadata: ServerMetadata): string {
  if (server.profile.assertionAudience === 'issuer') return metadata.issuer;
  if (server.tokenEndpoint === undefined) throw new UpstreamFailed('metadata_invalid');
  return server.tokenEndpoint;
}
