import { createHmac } from 'node:crypto';

/**
 * What Corridor's keys are called in Redis: under a name that belongs to its key file, so that several may share one Redis, and hashed
 * with a key, so that nothing can be learned or looked for there. The braces keep all of it on one node of a cluster.
 */
export class RedisNames {
  readonly prefix: string;

  constructor(private readonly digestKey: Uint8Array) {
    this.prefix = `corridor:{${this.#hash('space').slice(0, 16)}}`;
  }

  of(kind: 'token' | 'flight', key: string): string {
    return `${this.prefix}:${kind}:${this.#hash(`${kind} ${key}`)}`;
  }

  get facts(): string {
    return `${this.prefix}:facts`;
  }

  get probe(): string {
    return `${this.prefix}:probe`;
  }

  #hash(text: string): string {
    return createHmac('sha256', this.digestKey).update(`redis ${text}`).digest('hex');
  }
}
