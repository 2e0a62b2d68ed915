import { setTimeout as delay } from 'node:timers/promises';
import { EarlyNotice, type WorkKind } from '../../src/issuance/early-notice.js';
import { SharedFlights } from '../../src/issuance/shared-flights.js';
import { SharedTokens, type SharedToken } from '../../src/issuance/shared-tokens.js';
import type { Clock } from '../../src/oauth/clock.js';

/** What processes share, within one: each has its own view of one and the same memory. */
export class SharedMemory {
  readonly tokens = new Map<string, SharedToken>();
  readonly flights = new Map<string, Promise<unknown>>();
  readonly followers: (() => void)[] = [];
  readonly loops = new Map<WorkKind, (() => void)[]>();
}

export class MemoryTokens extends SharedTokens {
  readonly #dropped = new Set<string>();

  constructor(
    private readonly memory: SharedMemory,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async find(key: string): Promise<SharedToken | null> {
    const token = this.memory.tokens.get(key);
    return token === undefined || token.servedUntil <= this.clock.now() || this.#dropped.has(token.issuance) ? null : token;
  }

  override put(key: string, token: SharedToken): void {
    this.memory.tokens.set(key, token);
  }

  override drop(key: string, issuance: string): void {
    this.#dropped.add(issuance);
    this.memory.tokens.delete(key);
  }
}

export class MemoryFlights extends SharedFlights {
  constructor(
    private readonly memory: SharedMemory,
    private readonly patience: number,
  ) {
    super();
  }

  override async run<T>(key: string, look: () => Promise<T | null>, task: () => Promise<T>): Promise<T> {
    const { flights } = this.memory;
    const late = delay(this.patience, undefined, { ref: false }).then(() => 'late' as const);
    for (let other = flights.get(key); other !== undefined; other = flights.get(key)) {
      if ((await Promise.race([other.then(() => null), late])) === 'late') return this.#alone(look, task);
    }
    const flight = this.#alone(look, task);
    flights.set(
      key,
      flight.catch(() => undefined).finally(() => flights.delete(key)),
    );
    return flight;
  }

  async #alone<T>(look: () => Promise<T | null>, task: () => Promise<T>): Promise<T> {
    return (await look()) ?? task();
  }
}

export class MemoryNotice extends EarlyNotice {
  constructor(private readonly memory: SharedMemory) {
    super();
  }

  override factsChanged(): void {
    for (const noticed of this.memory.followers) noticed();
  }

  override onFacts(noticed: () => void): void {
    this.memory.followers.push(noticed);
  }

  override workLeft(kind: WorkKind, dueIn = 0): void {
    setTimeout(() => this.memory.loops.get(kind)?.[0]?.(), dueIn).unref();
  }

  override onWork(kind: WorkKind, wake: () => void): void {
    this.memory.loops.set(kind, [...(this.memory.loops.get(kind) ?? []), wake]);
  }
}
