import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import type { Row } from '../../store/database.js';
import { migrationAdapters, type FailureOfScript } from '../migration-adapter.js';
import { MigrationRefused } from '../migration-history.js';
import type { MigrationTarget } from '../migrations.js';
import { connectionTo, migrating } from './checked-connection.js';

/** Any number that is ours: the schema engine takes another one, for which it waits only ten seconds. */
const LOCK = 6_717_845_201;

/** One connection for as long as the migrations take: when it ends, however it ends, the lock goes with it. */
export class PostgresMigrationTarget implements MigrationTarget {
  readonly #pool: pg.Pool;

  constructor(url: string) {
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

  async lock(): Promise<void> {
    await this.query(`set lock_timeout = '2min'`);
    await this.query(`select pg_advisory_lock(${LOCK})`).catch((error: unknown) => {
      throw new MigrationRefused('Another process has been migrating this database for two minutes: see what it waits for.', {
        cause: error,
      });
    });
    await this.query(`set lock_timeout = '${migrating.lock_timeout}'`);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
