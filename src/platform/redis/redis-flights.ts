import { setTimeout as delay } from 'node:timers/promises';
import { SharedFlights } from '../../issuance/shared-flights.js';
import type { Randomness } from '../../oauth/identifier.js';
import type { BoundedRedis } from './bounded-redis.js';
import type { RedisNames } from './redis-names.js';

/** Milliseconds: how long a turn lasts if it is not given back, and how long another process waits for it. */
export interface FlightBounds {
  readonly lease: number;
  readonly patience: number;
}

const BOUNDS: FlightBounds = { lease: 5_000, patience: 5_000 };
/** Milliseconds between two looks, twice as long each time, and at most so long. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 40;

/** Gives back a turn that is still one's own: after its time it may be another's. */
const GIVE_BACK = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/**
 * Turns in Redis: a key that is there for a short while, with a fencing token by which whoever has it tells its own turn from a later one.
 * What a turn brought is told to others before it is given back, over the same connection: who gets the next turn finds it.
 */
export class RedisFlights extends SharedFlights {
  constructor(
    private readonly redis: BoundedRedis,
    private readonly names: RedisNames,
    private readonly randomness: Randomness,
    private readonly bounds: FlightBounds = BOUNDS,
  ) {
    super();
  }

  async run<T>(key: string, look: () => Promise<T | null>, task: () => Promise<T>): Promise<T> {
    const name = this.names.of('flight', key);
    const fence = Buffer.from(this.randomness.bytes(16)).toString('hex');
    const isMine = await this.#await(name, fence);
    try {
      return (await look()) ?? (await task());
    } finally {
      if (isMine) this.redis.tell((redis) => redis.eval(GIVE_BACK, 1, name, fence));
    }
  }

  /** Whether the turn was got; without one it goes on alone. */
  async #await(name: string, fence: string): Promise<boolean> {
    const until = performance.now() + this.bounds.patience;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const got = await this.redis.ask((redis) => redis.set(name, fence, 'PX', this.bounds.lease, 'NX'));
      if (got !== null) return got === 'OK';
      if (performance.now() >= until) return false;
      await delay(pause);
    }
  }
}
