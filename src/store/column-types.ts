import { z } from 'zod';
import { publicJwkSchema } from '../catalogue/public-jwk.js';

/** How the columns of a row are parsed, whichever driver read them. Times become milliseconds since 1970. */
export const time = z.date().transform((date) => date.getTime());
export const count = z.union([z.string().regex(/^-?\d+$/), z.number(), z.bigint()]).transform(Number);
export const bytes = z.instanceof(Uint8Array);
export const texts = z.array(z.string());

export const credentialKey = z.object({
  kid: z.string(),
  algorithm: z.string(),
  publicKey: publicJwkSchema.and(z.object({ x5c: texts.optional() })),
});
