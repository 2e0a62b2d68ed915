import { z } from 'zod';
import { parseStrictJson } from '../oauth/strict-json.js';

/** Why an assertion was refused: for the security log, never for the answer. */
export class AssertionRefused extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'AssertionRefused';
  }
}

/** It was right, and somebody had used it. */
export class UsedBefore extends AssertionRefused {
  constructor() {
    super('assertion used before');
  }
}

/** A JWS taken apart and not yet verified. Nothing in it is to be believed. */
export interface CompactJws<Claims> {
  readonly text: string;
  /** What is signed: the header and the claims as they were sent. */
  readonly signed: string;
  readonly header: JwsHeader;
  readonly claims: Claims;
}

const MAX_LENGTH = 16_384;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const header = z.looseObject({ alg: z.string(), typ: z.string().optional(), kid: z.string().max(1024).optional() });
export type JwsHeader = z.infer<typeof header>;

/** Seconds since 1970 (RFC 7519 §2). */
export const numericDate = z.number().finite().nonnegative();

/**
 * Takes a compact JWS apart: strict base64url, UTF-8, no duplicate names, no critical extensions (CONFORMANCE B25–B28).
 * @throws AssertionRefused
 */
export function takeApart<Claims>(text: string, claims: z.ZodType<Claims>): CompactJws<Claims> {
  if (text.length > MAX_LENGTH || !COMPACT.test(text)) throw new AssertionRefused('not a compact JWS');
  const [head = '', body = '', signature = ''] = text.split('.');
  decodeCanonical(signature);
  const protectedHeader = parsePart(head, header);
  if ('crit' in protectedHeader || 'b64' in protectedHeader) throw new AssertionRefused('critical header parameters');
  return { text, signed: `${head}.${body}`, header: protectedHeader, claims: parsePart(body, claims) };
}

function parsePart<T>(part: string, schema: z.ZodType<T>): T {
  const bytes = decodeCanonical(part);
  try {
    return schema.parse(parseStrictJson(bytes));
  } catch (cause) {
    throw new AssertionRefused('header or claims are missing or malformed', { cause });
  }
}

/** The bits of the last letter that no byte holds must be zero, or one assertion had several spellings. */
function decodeCanonical(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new AssertionRefused('base64url is not canonical');
  return bytes;
}

/** CONFORMANCE B37, B38: no type, or one of a client assertion (draft-ietf-oauth-rfc7523bis §4). */
export function isClientAuthenticationType(type: string | undefined): boolean {
  if (type === undefined) return true;
  const bare = type.toLowerCase().replace(/^application\//, '');
  return bare === 'jwt' || bare === 'client-authentication+jwt';
}
