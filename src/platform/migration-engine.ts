import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Migration } from './migration-history.js';

const nothingLeftOut = { externalTables: [], externalEnums: [] };

let loaded: Promise<void> | undefined;

/** The engine's own loader imports its .wasm file as a module, which Node does not do without a flag. */
async function load(): Promise<void> {
  const module = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = readFileSync(path.join(path.dirname(module), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': imports() });
  engineModule.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)(); // an export that the engine's loader calls too
}

/** What the engine calls of JavaScript. It never clears the timer of its lock, which would keep the process alive for ten seconds. */
function imports(): WebAssembly.ModuleImports {
  const timer = (callback: () => void, milliseconds: number): NodeJS.Timeout => setTimeout(callback, milliseconds).unref();
  const functions = Object.entries<unknown>({ ...engineModule }).map(([name, value]) => [
    name,
    name.startsWith('__wbg_setTimeout_') ? timer : value,
  ]);
  return Object.fromEntries(functions) as WebAssembly.ModuleImports; // the module is made of functions
}

/** Prisma's schema engine over one database. To be freed. */
export async function schemaEngine(adapters: SqlMigrationAwareDriverAdapterFactory): Promise<engineModule.SchemaEngine> {
  await (loaded ??= load());
  return engineModule.SchemaEngine.new({ datamodels: undefined }, () => undefined, bindMigrationAwareSqlAdapterFactory(adapters));
}

export async function applyMigrations(
  adapters: SqlMigrationAwareDriverAdapterFactory,
  folder: string,
  migrations: readonly Migration[],
): Promise<void> {
  const engine = await schemaEngine(adapters);
  try {
    await engine.applyMigrations({ migrationsList: migrationList(folder, migrations), filters: nothingLeftOut });
  } finally {
    engine.free();
  }
}

function migrationList(folder: string, migrations: readonly Migration[]): engineModule.MigrationList {
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: readFileSync(path.join(folder, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  };
}
