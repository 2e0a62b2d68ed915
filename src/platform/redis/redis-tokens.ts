import { z } from 'zod';
import { SealBroken } from '../../credentials/envelope.js';
import type { Sealer } from '../../credentials/sealer.js';
import { SharedTokens, type SharedToken } from '../../issuance/shared-tokens.js';
import type { Clock } from '../../oauth/clock.js';
import { Secret } from '../../oauth/secret.js';
import { tokenBindings } from '../../oauth/token-binding.js';
import type { BoundedRedis } from './bounded-redis.js';
import type { RedisNames } from './redis-names.js';

/** Issuances that were dropped here and may be in Redis still: the oldest is forgotten first, and found not live once more. */
const REMEMBERED = 10_000;

/** What is sealed: all that is there of a token. */
const written = z
  .object({
    issuance: z.string(),
    text: z.string(),
    token_sha256: z.string(),
    token_jti: z.string().nullable(),
    issued_at: z.number(),
    expires_at: z.number(),
    served_until: z.number(),
    granted: z.array(z.string()),
    granted_details: z.string().nullable(),
    audience: z.union([z.literal('unverified'), z.array(z.string())]),
    binding: z.enum(tokenBindings),
  })
  .transform(({ issuance, text, granted, audience, binding, ...read }): SharedToken => ({
    issuance,
    text: new Secret(text),
    tokenSha256: read.token_sha256,
    tokenJti: read.token_jti,
    issuedAt: read.issued_at,
    expiresAt: read.expires_at,
    servedUntil: read.served_until,
    granted,
    grantedDetails: read.granted_details,
    audience,
    binding,
  }));

/** Tokens in Redis: sealed for the key that they lie under, and gone when they may be served no longer. */
export class RedisTokens extends SharedTokens {
  readonly #dropped = new Set<string>();

  constructor(
    private readonly redis: BoundedRedis,
    private readonly names: RedisNames,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {
    super();
  }

  async find(key: string): Promise<SharedToken | null> {
    const name = this.names.of('token', key);
    const sealed = await this.redis.ask((redis) => redis.getBuffer(name));
    const token = sealed ? this.#open(name, sealed) : null;
    return token === null || token.servedUntil <= this.clock.now() || this.#dropped.has(token.issuance) ? null : token;
  }

  put(key: string, token: SharedToken): void {
    const left = Math.floor(token.servedUntil - this.clock.now());
    if (left <= 0) return;
    const name = this.names.of('token', key);
    const sealed = Buffer.from(this.sealer.seal(name, new Secret(print(token))));
    this.redis.tell((redis) => redis.set(name, sealed, 'PX', left));
  }

  drop(key: string, issuance: string): void {
    this.#dropped.add(issuance);
    const [oldest] = this.#dropped;
    if (this.#dropped.size > REMEMBERED && oldest !== undefined) this.#dropped.delete(oldest);
    // it may be a newer one by now: that is found in the database
    this.redis.tell((redis) => redis.del(this.names.of('token', key)));
  }

  /** What we did not write, or wrote with another key or another version, is nothing. */
  #open(name: string, sealed: Buffer): SharedToken | null {
    try {
      return written.safeParse(JSON.parse(this.sealer.open(name, sealed).reveal())).data ?? null;
    } catch (error) {
      if (error instanceof SealBroken || error instanceof SyntaxError) return null;
      throw error;
    }
  }
}

function print(token: SharedToken): string {
  return JSON.stringify({
    issuance: token.issuance,
    text: token.text.reveal(),
    token_sha256: token.tokenSha256,
    token_jti: token.tokenJti,
    issued_at: token.issuedAt,
    expires_at: token.expiresAt,
    served_until: token.servedUntil,
    granted: token.granted,
    granted_details: token.grantedDetails,
    audience: token.audience,
    binding: token.binding,
  });
}
