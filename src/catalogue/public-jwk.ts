import { z } from 'zod';
import type { PublicJwk } from './workload-identity.js';

/** The members of a public key that count; all others, and what may be private, are left behind. */
export const publicJwkSchema: z.ZodType<PublicJwk> = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
  n: z.string().optional(),
  e: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
});

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'];

export function hasPrivateMembers(key: object): boolean {
  return PRIVATE.some((member) => member in key);
}
