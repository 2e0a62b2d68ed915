import { StatementRefused } from '../store/database.js';
import { arrayText } from './array-text.js';

/** What goes over PostgreSQL's protocol: text, or bytes in its binary format. */
export type ParameterValue = string | Uint8Array | null;

/** A parameter as the port allows it, encoded the same way for both databases. @throws StatementRefused (22023) for anything else */
export function parameterValue(value: unknown, index: number): ParameterValue {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return arrayText(value, (element) => scalarText(element, index));
  return scalarText(value, index);
}

function scalarText(value: unknown, index: number): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw new StatementRefused('22023', `Parameter $${index + 1} is of a kind that the database does not take.`);
}
