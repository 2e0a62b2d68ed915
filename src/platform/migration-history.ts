import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Row } from '../store/database.js';
import { PlatformUnusable } from './platform-unusable.js';

/** One folder under prisma/migrations. */
export interface Migration {
  readonly name: string;
  readonly script: string;
  readonly sha256: string;
}

/** The database and this build do not go together. */
export class MigrationRefused extends PlatformUnusable {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MigrationRefused';
  }
}

/** The stock table of Prisma, or no rows where it does not exist yet. */
export const historyExists = `select to_regclass('_prisma_migrations') is not null as exists`;
export const history =
  'select migration_name, checksum, finished_at is not null as finished from _prisma_migrations where rolled_back_at is null order by migration_name';

/**
 * A migration of this name leaves every Corridor that does not know it working as before (docs/upgrade.md). The name alone says so, since it
 * is what the older one sees of it: in the database.
 */
const expands = /^\d+_expand_/;

/** The one statement that we use and that refuses a transaction, alone in its script. It can be done again when it did not finish. */
const buildsIndex = /^(?:\s|--[^\n]*)*create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(?<index>\w+)\s+on\s[^;]*;?\s*$/i;

/** The index that the migration builds while others write, or null when it does anything else. */
export function indexBuiltBy({ script }: Migration): string | null {
  return buildsIndex.exec(script)?.groups?.index ?? null;
}

/** In the order in which they are applied, which is the order of their names. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names
    .map((entry) => entry.name)
    .filter((name) => existsSync(path.join(folder, name, 'migration.sql')))
    .sort()
    .map((name) => {
      const script = readFileSync(path.join(folder, name, 'migration.sql'), 'utf8');
      return { name, script, sha256: createHash('sha256').update(script).digest('hex') };
    });
}

export function isUpToDate(migrations: readonly Migration[], applied: readonly Row[]): boolean {
  const same = ({ name, sha256 }: Migration, row: Row | undefined): boolean =>
    row?.migration_name === name && row.checksum === sha256 && row.finished === true;
  const later = applied.slice(migrations.length);
  return migrations.every((migration, i) => same(migration, applied[i])) && later.every((row) => expands.test(String(row.migration_name)));
}

/**
 * The migrations that the database lacks, and an index that was not finished. One that is newer than all of these may be there if it only
 * expands, finished or not. @throws MigrationRefused
 */
export function missingMigrations(migrations: readonly Migration[], applied: readonly Row[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const last = migrations.at(-1)?.name ?? '';
  for (const row of applied) {
    const name = String(row.migration_name);
    const migration = known.get(name);
    if (!migration && !(expands.test(name) && name > last)) {
      throw new MigrationRefused(
        `The database has the migration ${name}, which this Corridor does not know and could not work with: start the newer Corridor that made it, or put back a backup from before (docs/upgrade.md).`,
      );
    }
    if (migration && row.finished !== true && indexBuiltBy(migration) === null) {
      throw new MigrationRefused(
        `The migration ${name} began in this database and did not finish. See how far it came, complete or undo it, and mend its row in _prisma_migrations ("prisma migrate resolve").`,
      );
    }
    if (migration && row.checksum !== migration.sha256) {
      throw new MigrationRefused(
        `The migration ${name} in this database is not the one of this Corridor: one of the two was edited afterwards.`,
      );
    }
  }
  const present = new Set(applied.filter((row) => row.finished === true).map((row) => row.migration_name));
  const missing = migrations.filter((migration) => !present.has(migration.name));
  const overtaken = missing.find((migration) => applied.some((row) => String(row.migration_name) > migration.name));
  if (overtaken) throw new MigrationRefused(`The database lacks the migration ${overtaken.name}, but has later ones.`);
  return missing;
}
