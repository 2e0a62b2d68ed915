import { Redis } from 'ioredis';
import type { BoundedRedis } from './bounded-redis.js';
import { connectionOptions } from './bounded-redis.js';

/** Tells every process of a change of facts, and hears it, on a connection of its own. A new connection counts as a notice. */
export class FactsChannel {
  #subscriber: Redis | null = null;

  constructor(
    private readonly url: string,
    private readonly name: string,
    private readonly redis: BoundedRedis,
  ) {}

  publish(): void {
    this.redis.tell((redis) => redis.publish(this.name, ''));
  }

  listen(noticed: () => void): void {
    const subscriber = new Redis(this.url, { ...connectionOptions, autoResubscribe: false });
    this.#subscriber = subscriber;
    subscriber.on('error', () => undefined); // it comes back by itself
    subscriber.on('message', noticed);
    subscriber.on('ready', () => {
      subscriber.subscribe(this.name).then(noticed, () => undefined);
    });
    subscriber.connect().catch(() => undefined);
  }

  close(): void {
    this.#subscriber?.disconnect();
  }
}
