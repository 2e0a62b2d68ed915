import { DatabaseUnavailable, StatementRefused } from '../store/database.js';

/** What the server reports of an error, on either database. */
interface ServerError {
  readonly code?: string | undefined;
  readonly severity?: string | undefined;
  readonly message: string;
}

/**
 * Server errors that say nothing about the statement: connection (08), limits of connections (53300) and disk (53100), an administrator or
 * a crash (57P..), operating system (58), a server that became a standby (25006). Whether the statement was committed may be open.
 */
const UNAVAILABLE = /^(08...|53[13]00|57P..|58...|25006)$/;

/** A statement that the server answered with an error, as the port names it. The server's details quote rows: they are left behind. */
export function statementFailure(error: ServerError): StatementRefused | DatabaseUnavailable {
  const code = error.code ?? 'XX000';
  // FATAL and PANIC end the connection, whatever their code says of the cause
  const ended = error.severity === 'FATAL' || error.severity === 'PANIC';
  if (ended || UNAVAILABLE.test(code)) return new DatabaseUnavailable(`The database gave up (${code}): ${error.message}`);
  return new StatementRefused(code, error.message);
}
