import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Row } from '../../store/database.js';
import { migrationAdapters, type FailureOfScript } from '../migration-adapter.js';
import { MigrationRefused } from '../migration-history.js';
import type { MigrationTarget } from '../migrations.js';
import { connectionTo, migrating } from './checked-connection.js';

/** Any number that is ours: the schema engine takes another one, for which it waits only ten seconds. */
const LOCK = 6_717_845_201;
const WAIT_FOR_LOCK = 120_000;
const TRY_AGAIN_AFTER = 250;

/** One connection for as long as the migrations take: when it ends, however it ends, the lock goes with it. */
export class PostgresMigrationTarget implements MigrationTarget {
  readonly #pool: pg.Pool;

  /** `waitForLock`: milliseconds. */
  constructor(
    url: string,
    private readonly waitForLock = WAIT_FOR_LOCK,
  ) {
    this.#pool = new pg.Pool({ ...connectionTo(url, migrating), max: 1, idleTimeoutMillis: 0 });
    this.#pool.on('error', () => undefined); // the next statement fails
  }

  adapters(onFailure: FailureOfScript): SqlMigrationAwareDriverAdapterFactory {
    return migrationAdapters(new PrismaPg(this.#pool), (script) => this.#pool.query(script), onFailure);
  }

  async query(sql: string): Promise<readonly Row[]> {
    const { rows } = await this.#pool.query<Row>(sql);
    return rows;
  }

  /** No statement waits: an index that another process builds concurrently would wait for it in turn. */
  async lock(): Promise<void> {
    const until = performance.now() + this.waitForLock;
    while (!(await this.#tryLock())) {
      if (performance.now() > until) {
        const seconds = this.waitForLock / 1000;
        throw new MigrationRefused(`Another process has been migrating this database for ${seconds} s: see what it waits for.`);
      }
      await pause(TRY_AGAIN_AFTER);
    }
  }

  async #tryLock(): Promise<boolean> {
    const [answer] = await this.query(`select pg_try_advisory_lock(${LOCK}) as locked`);
    return answer?.locked === true;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
