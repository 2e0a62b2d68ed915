import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { DriverAdapterError } from '@prisma/driver-adapter-utils';
import { z } from 'zod';

/** Told of the script that failed first: what the engine does then fails too, and hides it. */
export type FailureOfScript = (script: string, error: unknown) => void;

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
  onFailure: FailureOfScript,
): SqlMigrationAwareDriverAdapterFactory {
  return {
    provider: stock.provider,
    adapterName: stock.adapterName,
    connect: async (): Promise<SqlDriverAdapter> => {
      const adapter = await stock.connect();
      adapter.executeScript = async (script) => {
        try {
          await runScript(script);
        } catch (error) {
          onFailure(script, error);
          throw forEngine(error);
        }
      };
      return adapter;
    },
    connectToShadowDb: () => Promise.reject(new Error('There is no shadow database: migrations are applied here, not developed.')),
  };
}

const ServerError = z.object({ code: z.string(), severity: z.string(), message: z.string() });

/** What the server said, in the form that the engine takes. */
function forEngine(error: unknown): unknown {
  const { success, data } = ServerError.safeParse(error);
  if (!success) return error;
  return new DriverAdapterError({ kind: 'postgres', ...data, detail: undefined, column: undefined, hint: undefined });
}
