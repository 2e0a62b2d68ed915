import { z } from 'zod';
import type { Catalogue } from './catalogue.js';
import { assertionAlgorithms, upstreamMethods } from './client-methods.js';
import type { Profile } from './profile.js';
import { senderConstraints } from './sender-constraint.js';
import { storedIdentity } from './stored-identity.js';

const texts = z.array(z.string());
const labels = z.record(z.string(), z.string());

const profile: z.ZodType<Profile> = z.strictObject({
  name: z.string(),
  basicEncoding: z.enum(['form', 'raw']),
  scopeForm: z.enum(['plain', 'prefixed', 'dot_default', 'none']),
  resourceParameter: z.enum(['resource', 'audience']).nullable(),
  assertionType: z.enum(['client-authentication+jwt', 'JWT']).nullable(),
  assertionAudience: z.enum(['issuer', 'token_endpoint', 'endpoint']),
  assertionCertificate: z.enum(['none', 'x5t', 'x5t#S256', 'x5c']),
  assertionLife: z.number(),
  assertionBackdate: z.number(),
  clientIdWithAssertion: z.boolean(),
  otherBearerNames: texts,
  defaultTokenLife: z.number(),
  scopeAnswer: z.enum(['standard', 'list', 'commas']),
  scopeClaims: texts,
  toleratedExtraScopes: texts,
  toleratedExtraAudiences: texts,
  audienceMember: z.string().nullable(),
  clientClaims: texts,
  otherTokenIssuers: texts,
  reusesTokens: z.boolean(),
  revokesTokens: z.boolean(),
  throttling: z.strictObject({ resetHeader: z.string().nullable(), pause: z.number().nullable() }),
});

const authorizationServer = z.strictObject({
  id: z.string(),
  issuer: z.string(),
  profile,
  allowHosts: texts,
  senderConstraint: z.enum(senderConstraints).optional(),
  ca: z.strictObject({ path: z.string(), pem: z.string() }).optional(),
  tokenEndpoint: z.string().optional(),
  mtlsTokenEndpoint: z.string().optional(),
  revocationEndpoint: z.string().optional(),
});

const resource = z.strictObject({
  id: z.string(),
  uri: z.string(),
  audience: z.string().optional(),
  authorizationServer: z.string(),
  scopes: texts,
  authorizationDetailsTypes: texts.optional(),
  defaultScopes: texts,
  maxTokenTtl: z.number(),
  verifyAudience: z.boolean(),
  senderConstraint: z.enum(senderConstraints).optional(),
  labels,
});

const workflow = z.strictObject({
  id: z.string(),
  owner: z.string(),
  purposes: texts,
  maxRunTtl: z.number(),
  maxRunRequestsPerMinute: z.number().optional(),
  maxRequestsPerMinute: z.number().optional(),
  labels,
});

const credentialSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('generate') }),
  z.strictObject({ kind: z.literal('env'), name: z.string() }),
  z.strictObject({ kind: z.literal('file'), path: z.string() }),
]);

const client = z.strictObject({
  id: z.string(),
  clientId: z.string(),
  authorizationServer: z.string(),
  owner: z.string(),
  workflows: texts,
  resources: texts,
  holds: z.record(z.string(), texts).optional(),
  method: z.enum(upstreamMethods),
  algorithm: z.enum(assertionAlgorithms).optional(),
  credential: credentialSource,
  keyRegistration: z.literal('jwks_uri').optional(),
  rotateEvery: z.number(),
  maxTokenLife: z.number(),
});

/**
 * A catalogue as it lies in the database: the type, serialised. A member that this version does not know is refused, since it
 * may be a limit that this version would not keep.
 */
export const catalogueSchema: z.ZodType<Catalogue> = z.strictObject({
  timeZone: z.string(),
  suspensionsLiftedBy: z.literal('another_person').optional(),
  authorizationServers: z.record(z.string(), authorizationServer),
  resources: z.record(z.string(), resource),
  purposes: z.record(z.string(), z.strictObject({ id: z.string(), description: z.string(), needsUser: z.boolean() })),
  workflows: z.record(z.string(), workflow),
  clients: z.record(z.string(), client),
  runtimes: z.record(
    z.string(),
    z.strictObject({ id: z.string(), workflows: texts, identity: storedIdentity.optional(), maxRequestsPerMinute: z.number().optional() }),
  ),
});

/** @throws ZodError */
export function parseStoredCatalogue(stored: unknown): Catalogue {
  return catalogueSchema.parse(stored);
}
