import { z } from 'zod';
import { parseDuration } from './duration.js';
import { duration, flag, hosts, oneOf, reference, text, url } from './member-shapes.js';
import { assertionAlgorithmNames } from './workload-identity.js';

/** `identity` of a runtime as it is written in `corridor.yaml`, before it is held against anything. */

const kinds = ['jwt', 'kubernetes', 'github_actions', 'gitlab_ci', 'spiffe'] as const;

const template = (missing: string) => text(missing, 500).describe('A text, with {claim} where the value of a signed claim stands');

const rule = z.strictObject({
  match: z
    .record(z.string(), text('write the value that the claim must have, or a pattern with * in it', 500), {
      error: 'must be claims, with the value or pattern behind each that it must have',
    })
    .describe('Claim → its exact value, or a pattern with * that the whole value must match; all must match'),
  workflow: reference('name the workflow that such a token starts').describe('The workflow that is started'),
  purpose: reference('name the purpose that its runs have').describe('The purpose of the run'),
  agent: z
    .strictObject({
      name: template('name the agent').optional(),
      version: template('write a version').optional(),
      model: template('name the model').optional(),
    })
    .optional()
    .describe('What acts'),
  operator: template('say who started the run').optional().describe('Who or what started the run'),
  run_id: template('say which claims name the run').optional().describe("The platform's own id of the run: one run is ever opened for it"),
});

const publicKey = z.looseObject({ kty: z.enum(['RSA', 'EC', 'OKP'], { error: 'must be RSA, EC or OKP' }) });
const keySet = () =>
  z.looseObject(
    { keys: z.array(publicKey, { error: 'must be a list of public keys (RFC 7517)' }).min(1, 'is empty: give a key') },
    { error: 'must be a JWK set (RFC 7517): keys, with public keys in it' },
  );

export const identityShape = z.strictObject({
  kind: oneOf(kinds, 'name a kind').optional().describe('The platform, whose ready mapping then holds; jwt when it is left out'),
  issuer: url('give the issuer, as the iss of its tokens says it').optional().describe('The iss of its tokens, byte for byte'),
  trust_domain: z
    .string({ error: 'must be the name of a trust domain, such as example.org' })
    .regex(/^[a-z0-9._-]{1,255}$/, 'must be the name of a trust domain, such as example.org')
    .optional()
    .describe('With kind spiffe: the trust domain of its SVIDs'),
  jwks_uri: url('give a URL').optional().describe("Where its keys are, when the issuer's metadata does not say it"),
  jwks: keySet().optional().describe('Its keys themselves (RFC 7517), when they cannot be fetched'),
  bundle_url: url('give a URL').optional().describe('With kind spiffe: where the bundle of the trust domain is'),
  bundle: keySet().optional().describe('With kind spiffe: the bundle itself'),
  allow_hosts: hosts().optional().describe('Hosts for which plain http, loopback and private addresses are accepted'),
  algorithms: z
    .array(z.enum(assertionAlgorithmNames, { error: 'must be an asymmetric JWS algorithm such as RS256 or ES256' }), {
      error: 'must be a list: write it in brackets',
    })
    .min(1, 'is empty: list the algorithms, or leave the member out')
    .optional()
    .describe('How its tokens may be signed'),
  max_assertion_life: duration('write a duration', 86_400, '1 day')
    .refine((value) => parseDuration(value) !== 0, 'is zero: write a time, such as 5m')
    .optional()
    .describe('How far ahead exp may be at most, at most 1d'),
  assertion_reuse: flag().optional().describe('Whether a token may be used until it expires; it is then bound to its run'),
  audience_array: flag().optional().describe("Whether aud may be a list with Corridor's issuer as its one element"),
  claims: z
    .array(rule, { error: ({ input }) => (input === undefined ? 'is missing: say what its claims mean' : 'must be a list of rules') })
    .min(1, 'is empty: say what its claims mean')
    .describe('What its claims mean; the first rule that matches holds'),
});

export type IdentityFile = z.infer<typeof identityShape>;
export type ClaimRuleFile = z.infer<typeof rule>;
