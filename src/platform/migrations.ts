import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import path from 'node:path';
import type { Row } from '../store/database.js';
import type { FailureOfScript } from './migration-adapter.js';
import type { Migration } from './migration-history.js';
import {
  history,
  historyExists,
  indexBuiltBy,
  isUpToDate,
  MigrationRefused,
  missingMigrations,
  readMigrations,
} from './migration-history.js';
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
 * killed, none. One that builds an index concurrently divides them: what comes before it stays, and it is begun again itself. When none
 * is lacking, as at nearly every start, Prisma's engine is not even loaded. @throws MigrationRefused
 */
export async function migrate(target: MigrationTarget, folder: string): Promise<readonly string[]> {
  const migrations = readMigrations(folder);
  if (isUpToDate(migrations, await appliedTo(target))) return [];
  await target.lock(); // only now: another process may be in the middle of its migrations
  const missing = missingMigrations(migrations, await appliedTo(target));
  for (const step of steps(missing)) {
    const known = migrations.filter(({ name }) => step.some((migration) => name <= migration.name));
    await apply(target, folder, known, step);
  }
  return missing.map(({ name }) => name);
}

/** What is applied in one transaction, or, an index that is built concurrently, alone and in none. */
function steps(missing: readonly Migration[]): Migration[][] {
  const divided: Migration[][] = [];
  let open: Migration[] | null = null;
  for (const migration of missing) {
    const alone = indexBuiltBy(migration) !== null;
    if (open !== null && !alone) open.push(migration);
    else divided.push((open = [migration]));
    if (alone) open = null;
  }
  return divided;
}

/** The engine applies what is lacking of `known`, which ends with the last of `step`. */
async function apply(target: MigrationTarget, folder: string, known: readonly Migration[], step: readonly Migration[]): Promise<void> {
  const { applyMigrations } = await import('./migration-engine.js');
  const inTransaction = !step.some((migration) => indexBuiltBy(migration) !== null);
  if (inTransaction) {
    await target.query('begin');
    await target.query(`set local lock_timeout = '5s'`); // what waits for a lock here keeps others waiting behind it
  } else {
    for (const migration of step) await clearAway(target, migration);
  }
  let reason: string | undefined;
  const onFailure: FailureOfScript = (script, error) => {
    reason ??= `${step.find((migration) => migration.script === script)?.name ?? 'one'} failed: ${String(error)}`;
  };
  try {
    await applyMigrations(target.adapters(onFailure), folder, known);
  } catch (error) {
    if (inTransaction) await target.query('rollback');
    throw new MigrationRefused(`The migrations could not be applied: ${reason ?? String(error)}`, { cause: error });
  }
  if (inTransaction) await target.query('commit');
}

/** What an attempt left that did not finish: its row, as "prisma migrate resolve" would mark it, and an index that is never used. */
async function clearAway(target: MigrationTarget, migration: Migration): Promise<void> {
  const index = indexBuiltBy(migration);
  const left = await target.query(`select 1 from pg_index where indexrelid = to_regclass('${index}') and not indisvalid`);
  if (left.length > 0) await target.query(`drop index concurrently ${index}`);
  await target.query(
    `update _prisma_migrations set rolled_back_at = now() where migration_name = '${migration.name}' and finished_at is null and rolled_back_at is null`,
  );
}

async function appliedTo(target: MigrationTarget): Promise<readonly Row[]> {
  const [answer] = await target.query(historyExists);
  return answer?.exists === true ? target.query(history) : [];
}
