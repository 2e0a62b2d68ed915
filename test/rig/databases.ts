import { PGlite } from '@electric-sql/pglite';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { statementFailure } from '../../src/platform/statement-failure.js';
import { Database, DatabaseUnavailable, type Row } from '../../src/store/database.js';

const MIGRATIONS = 'prisma/migrations';

/** The migrations as they stand, in order. */
export function migrations(): readonly string[] {
  const names = readdirSync(MIGRATIONS, { withFileTypes: true }).filter((found) => found.isDirectory());
  return names.map(({ name }) => readFileSync(`${MIGRATIONS}/${name}/migration.sql`, 'utf8'));
}

interface Driver {
  query(sql: string, parameters: unknown[]): Promise<{ readonly rows: Row[] }>;
  close(): Promise<unknown>;
}

/** A database as plain as it can be: its driver, with the errors of the port. */
class PlainDatabase extends Database {
  constructor(private readonly driver: Driver) {
    super();
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return (await this.driver.query(sql, [...parameters])).rows;
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)) {
        const severity = 'severity' in error ? String(error.severity) : undefined;
        throw statementFailure({ code: error.code, severity, message: error.message });
      }
      throw new DatabaseUnavailable(String(error), { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.driver.close();
  }
}

/** PGlite in this process and in memory, migrated. */
export async function inMemoryDatabase(): Promise<Database> {
  const pglite = await PGlite.create();
  for (const migration of migrations()) await pglite.exec(migration);
  return new PlainDatabase({ query: (sql, parameters) => pglite.query<Row>(sql, parameters), close: () => pglite.close() });
}

/** An empty PostgreSQL database, migrated. */
export async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const migration of migrations()) await client.query(migration);
  } finally {
    await client.end();
  }
}

/** A pool of connections to a migrated database. `settings` are what each connection is opened with, e.g. `lock_timeout: '5s'`. */
export function pooledDatabase(url: string, size = 4, settings: Readonly<Record<string, string>> = {}): Database {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`);
  const pool = new pg.Pool({ connectionString: url, max: size, options: options.join(' '), connectionTimeoutMillis: 2000 });
  pool.on('error', () => undefined);
  return new PlainDatabase({ query: (sql, parameters) => pool.query<Row>(sql, parameters), close: () => pool.end() });
}
