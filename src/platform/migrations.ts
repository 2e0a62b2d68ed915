import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import path from 'node:path';
import type { Row } from '../store/database.js';
import type { FailureOfScript } from './migration-adapter.js';
import type { Migration } from './migration-history.js';
import { history, historyExists, isUpToDate, MigrationRefused, missingMigrations, readMigrations } from './migration-history.js';
import { packageRoot } from './package-root.js';

/** A database that migrations are applied to, all of it through one connection. */
export interface MigrationTarget {
  query(sql: string): Promise<readonly Row[]>;
  /** Returns when no other process migrates this database, for as long as the connection is open. */
  lock(): Promise<void>;
  adapters(onFailure: FailureOfScript): SqlMigrationAwareDriverAdapterFactory;
}

/** The migrations that ship with this Corridor. */
export function migrationsFolder(): string {
  return path.join(packageRoot(import.meta.url), 'prisma', 'migrations');
}

/**
 * Applies the migrations in `folder` that the database lacks and returns their names; all of them or, when one fails or the process is
 * killed, none. When none is lacking, as at nearly every start, Prisma's engine is not even loaded. @throws MigrationRefused
 */
export async function migrate(target: MigrationTarget, folder: string): Promise<readonly string[]> {
  const migrations = readMigrations(folder);
  if (isUpToDate(migrations, await appliedTo(target))) return [];
  await target.lock(); // only now: another process may be in the middle of its migrations
  const missing = missingMigrations(migrations, await appliedTo(target));
  if (missing.length > 0) await apply(target, folder, migrations, missing);
  return missing.map(({ name }) => name);
}

async function apply(
  target: MigrationTarget,
  folder: string,
  migrations: readonly Migration[],
  missing: readonly Migration[],
): Promise<void> {
  const { applyMigrations } = await import('./migration-engine.js');
  // CREATE INDEX CONCURRENTLY is the one statement that we use and that refuses a transaction: such a migration stands alone
  const inTransaction = !missing.some(({ script }) => /\bconcurrently\b/i.test(script));
  if (inTransaction) await target.query('begin');
  let reason: string | undefined;
  const onFailure: FailureOfScript = (script, error) => {
    reason ??= `${missing.find((migration) => migration.script === script)?.name ?? 'one'} failed: ${String(error)}`;
  };
  try {
    await applyMigrations(target.adapters(onFailure), folder, migrations);
  } catch (error) {
    if (inTransaction) await target.query('rollback');
    throw new MigrationRefused(`The migrations could not be applied: ${reason ?? String(error)}`, { cause: error });
  }
  if (inTransaction) await target.query('commit');
}

async function appliedTo(target: MigrationTarget): Promise<readonly Row[]> {
  const [answer] = await target.query(historyExists);
  return answer?.exists === true ? target.query(history) : [];
}
