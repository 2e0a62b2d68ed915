import type { Sealer } from '../../credentials/sealer.js';
import { EarlyNotice, type WorkKind } from '../../issuance/early-notice.js';
import type { SharedFlights } from '../../issuance/shared-flights.js';
import type { SharedTokens } from '../../issuance/shared-tokens.js';
import type { Clock } from '../../oauth/clock.js';
import type { Randomness } from '../../oauth/identifier.js';
import type { Journal } from '../journal.js';
import { BoundedRedis, type RedisHealth } from './bounded-redis.js';
import { FactsChannel } from './facts-channel.js';
import { RedisFlights, type FlightBounds } from './redis-flights.js';
import { RedisNames } from './redis-names.js';
import { RedisTokens } from './redis-tokens.js';
import { WorkQueues } from './work-queues.js';

/** What the processes that serve from one database share beside it. */
export interface Shared {
  readonly tokens: SharedTokens;
  readonly flights: SharedFlights;
  readonly notice: EarlyNotice;
  readonly health: RedisHealth;
  close(): Promise<void>;
}

/** What lies there is sealed, named and timed by these. */
export interface SharedKeys {
  readonly sealer: Sealer;
  readonly digestKey: Uint8Array;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** Opens what lies in Redis. One that cannot be used is said aloud, and used when it can be. */
export async function openRedis(
  url: string,
  { sealer, digestKey, clock, randomness }: SharedKeys,
  journal: Journal,
  bounds?: FlightBounds,
): Promise<Shared> {
  const names = new RedisNames(digestKey);
  const redis = new BoundedRedis(url, names.probe, journal);
  await redis.open();
  const notice = new RedisNotice(new FactsChannel(url, names.facts, redis), new WorkQueues(url, names.prefix, redis));
  return {
    tokens: new RedisTokens(redis, names, sealer, clock),
    flights: new RedisFlights(redis, names, randomness, bounds),
    notice,
    health: redis,
    async close() {
      await notice.close();
      await redis.close();
    },
  };
}

/** Facts by publication, which every process hears; work by queues, of which one process takes a job. */
class RedisNotice extends EarlyNotice {
  constructor(
    private readonly facts: FactsChannel,
    private readonly work: WorkQueues,
  ) {
    super();
  }

  factsChanged(): void {
    this.facts.publish();
  }

  onFacts(noticed: () => void): void {
    this.facts.listen(noticed);
  }

  workLeft(kind: WorkKind, dueIn = 0): void {
    this.work.nudge(kind, dueIn);
  }

  onWork(kind: WorkKind, wake: () => void): void {
    this.work.listen(kind, wake);
  }

  async close(): Promise<void> {
    this.facts.close();
    await this.work.close();
  }
}
