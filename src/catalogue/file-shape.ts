import { z } from 'zod';
import { assertionAlgorithms, upstreamMethods } from './client-methods.js';
import { identityShape } from './identity-shape.js';
import {
  atLeastOne,
  authorities,
  clientIdentifier,
  credential,
  detailTypes,
  duration,
  flag,
  hosts,
  identifierPattern,
  identifierRule,
  labels,
  oneOf,
  rate,
  reference,
  references,
  scopes,
  span,
  text,
  timeZone,
  url,
  word,
  words,
} from './member-shapes.js';
import { profiles } from './profile.js';
import { senderConstraints } from './sender-constraint.js';

/** `corridor.yaml` as it is written, before anything is looked up. The published JSON Schema is made of the same shapes. */

const profileName = oneOf(namesOf(profiles), 'name a profile');

const profile = z.union([
  profileName,
  z.strictObject({
    name: profileName.describe('The profile to start from'),
    basic_encoding: oneOf(['form', 'raw'], 'write form or raw')
      .optional()
      .describe('How id and secret are encoded for Basic (RFC 6749 §2.3.1 asks for form)'),
    scope_form: oneOf(['plain', 'prefixed', 'dot_default', 'none'], 'name the form')
      .optional()
      .describe('How scopes are asked for: as declared, as <resource>/<scope>, as <resource>/.default, or not at all'),
    resource_parameter: oneOf(['resource', 'audience', 'none'], 'name the parameter')
      .optional()
      .describe('What carries the resource indicator (RFC 8707)'),
    assertion_type: oneOf(['client-authentication+jwt', 'JWT', 'none'], 'name the type').optional().describe("The assertion's typ header"),
    assertion_audience: oneOf(['issuer', 'token_endpoint', 'endpoint'], 'write issuer, token_endpoint or endpoint')
      .optional()
      .describe("The assertion's audience; token_endpoint, and endpoint (the one that is called), need the server's endpoints to be given"),
    assertion_certificate: oneOf(['none', 'x5t', 'x5t#S256', 'x5c'], 'write none, x5t, x5t#S256 or x5c')
      .optional()
      .describe(
        "What an assertion's header says of its key's certificate: its thumbprint (x5t is by SHA-1, for older servers), or with it the certificates themselves",
      ),
    assertion_life: duration('write a duration', 300, '5 minutes').optional().describe('From iat to exp of an assertion, at most 5m'),
    assertion_backdate: duration('write a duration', 60, '1 minute').optional().describe('How far iat is dated back, at most 1m'),
    client_id_with_assertion: flag().optional().describe('Whether client_id is sent beside an assertion'),
    other_bearer_names: words('list names').optional().describe('What token_type may say besides Bearer and mean it, whatever its case'),
    default_token_life: span('write a duration').optional().describe('The life of a token whose server does not say expires_in'),
    scope_answer: oneOf(['standard', 'list', 'commas'], 'write standard, list or commas')
      .optional()
      .describe(
        'How the scope of its answers may be written besides the standard (one text, with spaces): as a list, or with commas, which then part scopes in its tokens and its introspection too',
      ),
    scope_claims: words('list claims').optional().describe("The claims that name a token's scopes"),
    tolerated_extra_scopes: scopes('list scopes').optional().describe('Scopes that the server adds unasked and that are no over-grant'),
    tolerated_extra_audiences: words('list audiences')
      .optional()
      .describe('Audiences that the server adds unasked and that are no over-grant'),
    audience_member: word('name the member, or write none')
      .optional()
      .describe('The member of the response that names where the token is good, or none'),
    client_claims: words('list claims').optional().describe('The claims that name the client to whom a token was issued'),
    other_token_issuers: words('list issuers')
      .optional()
      .describe("What iss of its tokens may be besides the issuer; {tenant} is the first segment of the issuer's path"),
    reuses_tokens: flag().optional().describe('Whether the server gives one token to several requests'),
    revokes_tokens: flag().optional().describe('Whether the server can revoke an access token (RFC 7009)'),
    throttling: z
      .strictObject({
        reset_header: z
          .string('write the name of a header, or none')
          .regex(/^[a-z0-9-]{1,64}$/, 'must be the name of a header in lower case, or none')
          .optional()
          .describe(
            'The header with the time from when on it may be asked again, in seconds since 1970; none where there is no such header',
          ),
        pause: span('write a duration').optional().describe('How long it is left alone when it says nothing'),
      })
      .optional()
      .describe('How the server says that it is asked too often, where there is no Retry-After'),
  }),
]);

/** A profile with members changed. */
export const profileShape = profile.options[1];

const senderConstraint = () => oneOf(senderConstraints, 'write none, dpop or mtls').optional();

export const authorizationServerShape = z.strictObject({
  issuer: url('give the issuer, as its metadata says it (RFC 8414)').describe(
    'The issuer identifier (RFC 8414): https, without query or fragment',
  ),
  profile: profile
    .optional()
    .describe('What is particular about this server: the name of a profile, or a profile with some members changed'),
  allow_hosts: hosts().optional().describe('Hosts for which plain http, loopback and private addresses are accepted'),
  sender_constraint: senderConstraint().describe(
    'What its tokens are bound to, where a resource does not say: dpop (RFC 9449) or mtls (RFC 8705)',
  ),
  ca: authorities()
    .optional()
    .describe('Certificates of the authorities that its own is checked by, in PEM: file:… below CORRIDOR_SECRET_DIR'),
  token_endpoint: url('give a URL')
    .optional()
    .describe('Where tokens are issued, if the server publishes no metadata or its endpoint is at another origin'),
  mtls_token_endpoint: url('give a URL')
    .optional()
    .describe('Where tokens are issued to clients that authenticate by a certificate (RFC 8705 §5), if that is at another origin'),
  revocation_endpoint: url('give a URL').optional().describe('Where tokens are revoked (RFC 7009), likewise'),
});

export const resourceShape = z.strictObject({
  uri: url('give the resource indicator, an absolute URI (RFC 8707)').describe(
    'The resource indicator (RFC 8707): an absolute URI without a fragment',
  ),
  authorization_server: reference('name the authorization server that issues tokens for it').describe(
    'The authorization server that issues its tokens',
  ),
  scopes: atLeastOne(scopes('list the scopes that exist'), 'list the scopes that exist').describe(
    'The scopes that exist; no other is ever asked for',
  ),
  audience: word('write the name or leave the member out')
    .optional()
    .describe(
      'The name by which its authorization server knows it, where that is not its uri: sent in its place, and what tokens may name',
    ),
  authorization_details_types: atLeastOne(detailTypes('list the types or leave the member out'), 'list the types or leave the member out')
    .optional()
    .describe('The types of authorization details (RFC 9396) that may be asked for; none when left out'),
  default_scopes: scopes('list scopes or leave the member out').optional().describe('What is meant when a request names no scope'),
  max_token_ttl: span('say how long one of its tokens may be used, such as 1h').describe('How long a token may be served'),
  verify_audience: flag().optional().describe('Refuse a token whose audience cannot be learned'),
  sender_constraint: senderConstraint().describe('What its tokens are bound to, in place of what its authorization server says'),
  labels: labels().optional().describe('What policies may go by'),
});

export const purposeShape = z.strictObject({
  description: text('say in a sentence what it is for', 500).describe('What it is for, in a sentence'),
  needs_user: flag().optional().describe('It needs the rights or the consent of a person, so Corridor refuses it'),
});

export const workflowShape = z.strictObject({
  owner: text('say who answers for the workflow, such as search-team@example.com').describe(
    'Who answers for it: an address or the name of a team',
  ),
  purposes: atLeastOne(references('list the purposes that it may have'), 'list the purposes that it may have').describe(
    'The purposes that its runs may have',
  ),
  max_run_ttl: span('say how long a run may last, such as 1h').describe('The longest life of a run'),
  max_run_requests_per_minute: rate().optional().describe('Token requests that each of its runs may make in a minute; 600'),
  max_requests_per_minute: rate()
    .optional()
    .describe('Token requests that all of its runs may make in a minute, and their starts; no limit'),
  labels: labels().optional().describe('What policies may go by'),
});

export const clientShape = z.strictObject({
  client_id: clientIdentifier('give the client_id under which it is registered').describe('Its client_id at the authorization server'),
  authorization_server: reference('name the authorization server at which it is registered').describe('Where it is registered'),
  owner: text('say who answers for the client, such as search-team@example.com').describe(
    'Who answers for it: an address or the name of a team',
  ),
  workflows: atLeastOne(references('list the workflows that it serves'), 'list the workflows that it serves').describe(
    'The workflows that it serves',
  ),
  resources: atLeastOne(references('list the resources that it reaches'), 'list the resources that it reaches').describe(
    'The resources that it reaches',
  ),
  holds: z
    .record(
      z.string().regex(identifierPattern, identifierRule),
      atLeastOne(scopes('list the scopes'), 'list the scopes that it was granted'),
    )
    .optional()
    .describe('What it was granted at a resource whose server cannot narrow; all scopes of the resource when left out'),
  method: oneOf(upstreamMethods, 'write private_key_jwt, or client_secret_basic where the server takes no keys').describe(
    'How it authenticates at the token endpoint',
  ),
  credential: credential('write generate (Corridor makes a key pair), env:NAME or file:PATH').describe(
    'generate, env:CORRIDOR_CLIENT_…, or file:… below CORRIDOR_SECRET_DIR',
  ),
  algorithm: oneOf(assertionAlgorithms, 'name an algorithm')
    .optional()
    .describe('How it signs its assertions; ES256 for a key that Corridor makes, HS256 with client_secret_jwt'),
  key_registration: oneOf(['jwks_uri', 'operator'], 'write jwks_uri or operator')
    .optional()
    .describe('How its server learns of a new key, with generate: it reads the JWKS that Corridor publishes, or an operator tells it'),
  rotate_every: span('say how often its credential is replaced, such as 90d').describe('How often its credential is replaced'),
  max_token_life: span('say how long the tokens live that the server issues to it, such as 1h').describe(
    'The longest life of its tokens, as the server is set up',
  ),
});

export const runtimeShape = z.strictObject({
  workflows: references('list the workflows that it may start').describe('The workflows that it may start'),
  identity: identityShape.optional().describe("How the platform's own JWTs are trusted, so that its runs need no secret"),
  max_requests_per_minute: rate()
    .optional()
    .describe('Token requests that all the runs that it started may make in a minute, and their starts; no limit, but 6000 starts'),
});

const frame = {
  version: z
    .literal(1, { error: ({ input }) => (input === undefined ? 'is missing: write version: 1' : 'must be 1, without quotes') })
    .describe('The version of this format'),
  time_zone: timeZone().optional().describe('The time zone of the hours that policies see; UTC when it is left out'),
  suspensions: z
    .strictObject({
      lifted_by: oneOf(['anyone', 'another_person'], 'write anyone or another_person')
        .optional()
        .describe('Who may lift a suspension: anyone with the role (the default), or not whoever raised it'),
    })
    .nullable()
    .optional()
    .describe('How suspensions are handled'),
};

/** The file with its sections still closed. */
export const frameShape = z.strictObject({
  ...frame,
  authorization_servers: z.unknown().optional(),
  resources: z.unknown().optional(),
  purposes: z.unknown().optional(),
  workflows: z.unknown().optional(),
  clients: z.unknown().optional(),
  runtimes: z.unknown().optional(),
});

export const fileShape = z.strictObject({
  ...frame,
  authorization_servers: sectionOf(authorizationServerShape).describe('The upstream authorization servers'),
  resources: sectionOf(resourceShape).describe('The protected resources'),
  purposes: sectionOf(purposeShape).describe('Why runs happen'),
  workflows: sectionOf(workflowShape).describe('The automations, and who answers for them'),
  clients: sectionOf(clientShape).describe('The clients that are registered for Corridor'),
  runtimes: sectionOf(runtimeShape).describe('The platforms that start runs'),
});

export type ProfileFile = z.infer<typeof profile>;
export type AuthorizationServerFile = z.infer<typeof authorizationServerShape>;
export type ResourceFile = z.infer<typeof resourceShape>;
export type PurposeFile = z.infer<typeof purposeShape>;
export type WorkflowFile = z.infer<typeof workflowShape>;
export type ClientFile = z.infer<typeof clientShape>;
export type RuntimeFile = z.infer<typeof runtimeShape>;

/** A section whose entries are all commented out is empty, and reads as null. */
function sectionOf<Shape extends z.ZodType>(shape: Shape) {
  return z.record(z.string().regex(identifierPattern, identifierRule), shape).nullable().optional();
}

function namesOf(record: Readonly<Record<string, unknown>>): [string, ...string[]] {
  const [first = 'standard', ...rest] = Object.keys(record);
  return [first, ...rest];
}
