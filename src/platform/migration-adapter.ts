import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { DriverAdapterError } from '@prisma/driver-adapter-utils';
import { z } from 'zod';

/**
 * Prisma's stock adapter for a database, made safe for migrations.
 *
 * The stock one for PostgreSQL cuts a script at every semicolon, also within the body of a procedure, and commits each piece; the one
 * for PGlite does not wait for the script, so that a failure is lost. Here a script is one message to the server: all of it or nothing.
 * A shadow database is needed to develop migrations, never to apply them: with these adapters it could be the real one.
 */
export function migrationAdapters(
  stock: SqlMigrationAwareDriverAdapterFactory,
  runScript: (script: string) => Promise<unknown>,
): SqlMigrationAwareDriverAdapterFactory {
  return {
    provider: stock.provider,
    adapterName: stock.adapterName,
    connect: async (): Promise<SqlDriverAdapter> => {
      const adapter = await stock.connect();
      adapter.executeScript = (script) => runScript(script).then(() => undefined, refuse);
      return adapter;
    },
    connectToShadowDb: () => Promise.reject(new Error('There is no shadow database: migrations are applied here, not developed.')),
  };
}

const ServerError = z.object({ code: z.string(), severity: z.string(), message: z.string() });

/** The engine reports what the server said only in this form. */
function refuse(error: unknown): never {
  const { success, data } = ServerError.safeParse(error);
  if (!success) throw error;
  throw new DriverAdapterError({ kind: 'postgres', ...data, detail: undefined, column: undefined, hint: undefined });
}
