import type { Command } from 'commander';
import type { CorridorApi } from './corridor-api.js';
import { findCorridor } from './find-corridor.js';

/** What a command works with, so that commands are tried without a terminal. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  /** Whether standard input is a terminal, which sends its signals to the whole group of processes. */
  readonly terminal: boolean;
  out(text: string): void;
  warn(text: string): void;
  readStandardInput(): Promise<string>;
}

/** Adds one command, or a family of them, to the program. */
export type Register = (program: Command, surroundings: Surroundings) => void;

/** `--json` prints the value for programs; otherwise `print` says it for people. */
export function show<T>(surroundings: Surroundings, json: boolean | undefined, value: T, print: (value: T) => string): void {
  surroundings.out(json ? JSON.stringify(value) : print(value));
}

export async function corridor(surroundings: Surroundings): Promise<CorridorApi> {
  return findCorridor(surroundings.environment, surroundings.directory, (message) => surroundings.warn(message));
}

/** Columns of text, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
