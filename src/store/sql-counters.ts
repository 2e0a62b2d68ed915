import { z } from 'zod';
import { CounterStore, type CounterValue } from '../issuance/counter-store.js';
import { count } from './column-types.js';
import type { Database } from './database.js';

const row = z.object({ key: z.string(), version: count, tokens: count });

export class SqlCounters extends CounterStore {
  constructor(private readonly database: Database) {
    super();
  }

  async read(keys: readonly string[]): Promise<readonly CounterValue[]> {
    return z.array(row).parse(
      await this.database.query(
        `select asked.key, coalesce(counter.version, 0) as version, coalesce(counter.tokens, 0) as tokens
          from unnest($1::text[]) as asked (key) left join counter on counter.key = asked.key`,
        [keys],
      ),
    );
  }
}
