import { z } from 'zod';

/** How the columns of a row are parsed, whichever driver read them. Times become milliseconds since 1970. */
export const time = z.date().transform((date) => date.getTime());
export const count = z.union([z.string().regex(/^-?\d+$/), z.number(), z.bigint()]).transform(Number);
export const bytes = z.instanceof(Uint8Array);
export const texts = z.array(z.string());

/** A public key (RFC 7517), parsed on the way in and out: members that could be private are never kept. */
export const publicJwk = z.object({
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

export const credentialKey = z.object({ kid: z.string(), algorithm: z.string(), publicKey: publicJwk });
