import type { PGlite } from '@electric-sql/pglite';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import type { Row } from '../../store/database.js';
import { migrationAdapters } from '../migration-adapter.js';
import type { MigrationTarget } from '../migrations.js';

export class PgliteMigrationTarget implements MigrationTarget {
  readonly adapters: SqlMigrationAwareDriverAdapterFactory;

  constructor(private readonly pglite: PGlite) {
    this.adapters = migrationAdapters(new PrismaPGlite(pglite), (script) => pglite.exec(script));
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
