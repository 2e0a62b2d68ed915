import { z } from 'zod';
import { publicJwkSchema } from './public-jwk.js';
import { assertionAlgorithmNames, type WorkloadIdentity } from './workload-identity.js';

/** A workload identity as it lies in the database. */
export const storedIdentity: z.ZodType<WorkloadIdentity> = z.strictObject({
  kind: z.enum(['jwt', 'kubernetes', 'github_actions', 'gitlab_ci', 'spiffe']),
  issuer: z.string(),
  keys: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('discovery') }),
    z.strictObject({ kind: z.literal('url'), url: z.string() }),
    z.strictObject({ kind: z.literal('inline'), keys: z.array(publicJwkSchema) }),
  ]),
  allowHosts: z.array(z.string()),
  algorithms: z.array(z.enum(assertionAlgorithmNames)),
  maxAssertionLife: z.number(),
  assertionReuse: z.boolean(),
  audienceArray: z.boolean(),
  claims: z.array(
    z.strictObject({
      match: z.record(z.string(), z.string()),
      workflow: z.string(),
      purpose: z.string(),
      agent: z.strictObject({ name: z.string(), version: z.string(), model: z.string() }),
      operator: z.string().nullable(),
      runId: z.string(),
    }),
  ),
});
