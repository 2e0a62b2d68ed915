/** What is wrong, and where, when it stands in a file. */
export interface Problem {
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A command cannot go on: one message that says what to do, and the exit code. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
    this.name = 'CommandFailed';
  }
}

/** The exit code of a command that was not called as its help says. */
export const USAGE = 2;

/** The arguments cannot be meant so. */
export class UsageWrong extends CommandFailed {
  constructor(message: string) {
    super(message, USAGE);
    this.name = 'UsageWrong';
  }
}

/** The lines that standard error gets: the message, then what it does not say yet. */
export function printFailure({ message, problems }: CommandFailed): string[] {
  const lines = problems.map(({ file, line, column, message: detail }) =>
    file === undefined ? detail : `${file}:${line ?? 1}:${column ?? 1}: ${detail}`,
  );
  return [message, ...lines.filter((line) => !message.includes(line))].filter((line) => line !== '');
}
