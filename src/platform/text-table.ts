import type { Row } from '../store/database.js';
import { columnParser } from './column-value.js';

/** A result as PostgreSQL's protocol carries it. */
export interface TextTable {
  readonly columns: readonly { readonly name: string; readonly type: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export function rowsOf(table: TextTable): Row[] {
  const columns = table.columns.map(({ name, type }) => ({ name, parse: columnParser(type) }));
  return table.rows.map((fields) => {
    const row: Record<string, unknown> = {};
    columns.forEach(({ name, parse }, i) => {
      const text = fields[i] ?? null;
      row[name] = text === null ? null : parse(text);
    });
    return row;
  });
}
