import type { CounterRead } from '../attribution/entry-log.js';

export interface CounterValue extends CounterRead {
  readonly tokens: number;
}

/** Where history is read. read MUST give every key, with version and tokens 0 where nothing was counted yet. */
export abstract class CounterStore {
  abstract read(keys: readonly string[]): Promise<readonly CounterValue[]>;
}
