/** Something wrong with a catalogue file: where (lines and columns from 1), what, and what to do. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `file:line:column: message`, which terminals and editors understand. */
export function printProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** A way into the file: the names of members and the positions in lists. */
export type Path = readonly (string | number)[];

/** A problem by its place in the document: `key` is the name of the member, `value` what stands behind it. */
export interface Fault {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** Takes faults as they are found. */
export type Report = (fault: Fault) => void;
