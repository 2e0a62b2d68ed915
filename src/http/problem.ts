import type { z } from 'zod';
import {
  AdministrationError,
  Conflict,
  Invalid,
  NotAllowed,
  NotAuthenticated,
  NotFound,
  TooManyAttempts,
  Unavailable,
} from '../access/errors.js';

/** RFC 9457 §3: the body of an error of the administration API. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly problems?: readonly unknown[];
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

export function problemOf(error: AdministrationError): ProblemBody {
  const status = statusOf(error);
  const problems = error instanceof Invalid && error.problems.length > 0 ? { problems: error.problems } : {};
  return { ...problem(status, error.code, error.message), ...problems };
}

export function problem(status: number, code: string, detail: string): ProblemBody {
  return { type: 'about:blank', title: titles[status] ?? 'Error', status, detail, code };
}

function statusOf(error: AdministrationError): number {
  if (error instanceof Invalid) return 400;
  if (error instanceof NotAuthenticated) return 401;
  if (error instanceof NotAllowed) return 403;
  if (error instanceof NotFound) return 404;
  if (error instanceof Conflict) return 409;
  if (error instanceof TooManyAttempts) return 429;
  if (error instanceof Unavailable) return 503;
  return 500;
}

/** Parses a body or a query, saying all that is wrong with it at once. @throws Invalid */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  throw new Invalid('malformed', problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '), problems);
}
