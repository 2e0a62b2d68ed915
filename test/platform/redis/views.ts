import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AesSealer } from '../../../src/credentials/aes-sealer.js';
import type { SharedToken } from '../../../src/issuance/shared-tokens.js';
import { Secret } from '../../../src/oauth/secret.js';
import { Journal } from '../../../src/platform/journal.js';
import { LocalKeyEncryptionKey } from '../../../src/platform/keys/local-key-encryption-key.js';
import type { RedisHealth } from '../../../src/platform/redis/bounded-redis.js';
import { openRedis, type Shared } from '../../../src/platform/redis/open-redis.js';

export const clock = { now: () => Date.now() };
export const randomness = { bytes: (length: number): Uint8Array => randomBytes(length) };

/** What processes of one Corridor have in common, and so what makes them find the same. */
export interface SameKeys {
  readonly kek: Uint8Array;
  readonly digestKey: Uint8Array;
}

export const sameKeys = (): SameKeys => ({ kek: randomBytes(32), digestKey: randomBytes(32) });

export interface View extends Shared {
  /** What its operator reads. */
  readonly lines: string[];
}

/** Milliseconds that one waits for the turn of another, here. */
export const PATIENCE = 400;

/** What one process has of a Redis. */
export async function viewOf(url: string, { kek, digestKey }: SameKeys = sameKeys()): Promise<View> {
  const lines: string[] = [];
  const sealer = new AesSealer(new LocalKeyEncryptionKey(Buffer.from(kek)), randomness);
  const shared = await openRedis(url, { sealer, digestKey, clock, randomness }, new Journal((line) => lines.push(line)), {
    lease: PATIENCE,
    patience: PATIENCE,
  });
  return { ...shared, lines };
}

export function tokenOf(more: Partial<SharedToken> = {}): SharedToken {
  const now = clock.now();
  return {
    issuance: 'iss01',
    text: new Secret(`token-${randomBytes(16).toString('hex')}`),
    tokenSha256: 'f'.repeat(64),
    tokenJti: 'jti-1',
    issuedAt: now,
    expiresAt: now + 300_000,
    servedUntil: now + 270_000,
    granted: ['crm:read', 'crm:list'],
    grantedDetails: null,
    audience: ['https://crm.example/api'],
    binding: 'none',
    ...more,
  };
}

/** Waits until something is so, for half a minute at most unless it is told otherwise. */
export async function until(isSo: () => boolean | Promise<boolean>, milliseconds = 30_000): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !(await isSo()); await delay(10)) {
    if (Date.now() > deadline) throw new Error('it did not become so in time');
  }
}

/**
 * A machine that has other things to do may keep a command from being answered in time, which costs who asked nothing but speed: a round in
 * which that happened is not held against anybody, and another one begins, with a key of its own. Three such rounds are enough.
 */
export async function inUnhurriedRound(healths: readonly RedisHealth[], round: (key: string) => Promise<void>): Promise<void> {
  const failures = (): number => healths.reduce((sum, health) => sum + health.failures, 0);
  for (let number = 1; ; number++) {
    await until(() => healths.every(({ up }) => up));
    const before = failures();
    try {
      return await round(`round ${number}`);
    } catch (error) {
      if (number === 3 || failures() === before) throw error;
    }
  }
}
