import type { TextTable } from '../text-table.js';

/** What the thread of the embedded database is started with. */
export interface WorkerStart {
  readonly directory: string;
  readonly migrations: string;
}

/** From the thread that serves to the thread of the database. */
export type Order =
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly kind: 'close' };

/** And back. `syncs` counts the syncs to disk up to the moment of this answer. */
export type Answer =
  | { readonly kind: 'ready'; readonly migrated: readonly string[] }
  | { readonly kind: 'table'; readonly id: number; readonly table: TextTable; readonly syncs: number }
  | { readonly kind: 'refused'; readonly id: number; readonly sqlState: string; readonly message: string }
  | { readonly kind: 'unavailable'; readonly id: number; readonly message: string }
  /** The start failed, or PostgreSQL broke: the thread ends now. */
  | { readonly kind: 'lost'; readonly message: string };
