import { PGlite } from '@electric-sql/pglite';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PgliteMigrationTarget } from '../../src/platform/embedded/pglite-migration-target.js';
import { schemaEngine } from '../../src/platform/migration-engine.js';
import { migrate, migrationsFolder } from '../../src/platform/migrations.js';

const schema = readFileSync(path.join(migrationsFolder(), '../schema.prisma'), 'utf8');

describe('prisma/schema.prisma', () => {
  let pglite: PGlite;
  let engine: SchemaEngine;

  beforeAll(async () => {
    pglite = await PGlite.create();
    const target = new PgliteMigrationTarget(pglite);
    await migrate(target, migrationsFolder());
    engine = await schemaEngine(target.adapters(() => undefined));
  }, 60_000);

  afterAll(async () => {
    engine.free();
    await pglite.close();
  });

  /** The SQL that leads from the migrated database to a schema. Procedures are beyond what Prisma sees. */
  async function difference(content: string): Promise<string> {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files: [{ path: 'schema.prisma', content: schema }], configDir: '' },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return stdout ?? '';
  }

  it('is what the migrations make', async () => {
    expect(await difference(schema)).toMatch(/^(-- This is an empty migration\.)?\s*$/);
  });

  it('would be told apart from it by a single column', async () => {
    expect(await difference(schema.replace('model Counter {', 'model Counter {\n  extra String?'))).toMatch(
      /ALTER TABLE "counter" ADD COLUMN +"extra" TEXT/,
    );
  });
});
