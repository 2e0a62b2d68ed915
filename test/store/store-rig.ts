import { PGlite } from '@electric-sql/pglite';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { Database, DatabaseUnavailable, StatementRefused, type Row } from '../../src/store/database.js';

class Temp extends Database {
  constructor(readonly run: (sql: string, p?: unknown[]) => Promise<Row[]>, readonly close: () => Promise<void>) { super(); }
  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    try { return await this.run(sql, [...parameters]); } catch (e) {
      const code = (e as { code?: string }).code ?? '';
      if (/^(22|23|P0|2D)/.test(code)) throw new StatementRefused(code, (e as Error).message, { cause: e });
      throw new DatabaseUnavailable((e as Error).message, { cause: e });
    }
  }
}
const migrations = readdirSync('prisma/migrations', { withFileTypes: true }).filter((d) => d.isDirectory()).map((d) => d.name).sort().map((d) => readFileSync(`prisma/migrations/${d}/migration.sql`, 'utf8'));

async function pglite(): Promise<Database> {
  const lite = await PGlite.create();
  for (const m of migrations) await lite.exec(m);
  return new Temp(async (sql, p) => (await lite.query<Row>(sql, p)).rows, () => lite.close());
}
async function postgres(): Promise<Database> {
  const admin = new pg.Client({ connectionString: process.env['CORRIDOR_TEST_DATABASE_URL'] });
  await admin.connect();
  const name = 't' + process.pid + Math.random().toString(36).slice(2);
  await admin.query(`create database ${name}`);
  const url = new URL(process.env['CORRIDOR_TEST_DATABASE_URL']!); url.pathname = name;
  const pool = new pg.Pool({ connectionString: url.href, max: 8 }); pool.on('error', () => {});
  for (const m of migrations) await pool.query(m);
  return new Temp(async (sql, p) => (await pool.query<Row>(sql, p)).rows, async () => { await pool.end(); await admin.query(`drop database ${name} with (force)`); await admin.end(); });
}
export const databases: [string, () => Promise<Database>][] = [['PGlite', pglite], ...(process.env['CORRIDOR_TEST_DATABASE_URL'] ? [['PostgreSQL', postgres] as [string, () => Promise<Database>]] : [])];
