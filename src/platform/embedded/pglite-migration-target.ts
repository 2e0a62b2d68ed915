import type { PGlite } from '@electric-sql/pglite';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import type { Row } from '../../store/database.js';
import { migrationAdapters, type FailureOfScript } from '../migration-adapter.js';
import type { MigrationTarget } from '../migrations.js';

export class PgliteMigrationTarget implements MigrationTarget {
  constructor(private readonly pglite: PGlite) {}

  adapters(onFailure: FailureOfScript): SqlMigrationAwareDriverAdapterFactory {
    return migrationAdapters(new PrismaPGlite(this.pglite), (script) => this.pglite.exec(script), onFailure);
  }

  async query(sql: string): Promise<readonly Row[]> {
    const { rows } = await this.pglite.query<Row>(sql);
    return rows;
  }

  /** The directory belongs to this process alone. */
  lock(): Promise<void> {
    return Promise.resolve();
  }
}
