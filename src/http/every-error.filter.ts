import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AdministrationError, TooManyAttempts, Unavailable } from '../access/errors.js';
import { LogUnavailable } from '../attribution/entry-log.js';
import { OAuthError, TemporarilyUnavailable } from '../oauth/errors.js';
import { FaultLog } from '../access/fault-log.js';
import { contentType, frameworkAnswer } from './framework-answer.js';
import { noStore, oauthAnswer, type OAuthAnswer } from './oauth-error.js';
import { isOAuthPath } from './oauth-path.js';
import { problem, problemOf } from './problem.js';

/**
 * Every error of every surface leaves here: under /oauth2/ as OAuth JSON, also the framework's own (CONFORMANCE B64),
 * elsewhere as problem details (RFC 9457). What is no error of ours is written to the fault log and answered without a word of it.
 */
@Catch()
export class EveryErrorFilter implements ExceptionFilter {
  constructor(private readonly faultLog: FaultLog) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const underOAuth = isOAuthPath(request.url);
    const answer = underOAuth ? this.#oauth(error) : this.#problem(error);
    void reply.status(answer.status).headers(answer.headers).type(contentType(underOAuth)).send(JSON.stringify(answer.body));
  }

  #oauth(error: unknown): OAuthAnswer {
    if (error instanceof OAuthError) {
      if (error.cause !== undefined) this.faultLog.write(error.cause);
      return oauthAnswer(error);
    }
    const status = error instanceof AdministrationError ? problemOf(error).status : frameworkStatus(error);
    if (status !== null) return frameworkAnswer(status, true);
    this.faultLog.write(error);
    if (error instanceof LogUnavailable)
      return oauthAnswer(new TemporarilyUnavailable('the record cannot be written now', { retryAfter: 1 }));
    return { status: 500, headers: noStore, body: { error: 'server_error', error_description: 'an error of Corridor itself' } };
  }

  #problem(error: unknown): OAuthAnswer {
    if (error instanceof AdministrationError) {
      const body = problemOf(error);
      const headers: Record<string, string> = { 'cache-control': 'no-store' };
      if (body.status === 401) headers['www-authenticate'] = 'Bearer realm="corridor"';
      if (error instanceof TooManyAttempts) headers['retry-after'] = String(error.retryAfter);
      if (error instanceof Unavailable) headers['retry-after'] = '1';
      return { status: body.status, headers, body: { ...body } };
    }
    if (error instanceof OAuthError) {
      if (error.cause !== undefined) this.faultLog.write(error.cause);
      const { status, headers } = oauthAnswer(error);
      return { status, headers, body: { ...problem(status, error.code, error.message) } };
    }
    const status = frameworkStatus(error);
    if (status !== null) return frameworkAnswer(status, false);
    this.faultLog.write(error);
    if (error instanceof LogUnavailable) {
      return {
        status: 503,
        headers: { 'retry-after': '1' },
        body: { ...problem(503, 'unavailable', 'the database cannot be reached now') },
      };
    }
    return { status: 500, headers: {}, body: { ...problem(500, 'internal', 'an error of Corridor itself; its log says more') } };
  }
}

/** Nest's and Fastify's own errors carry a status below 500. */
function frameworkStatus(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  if (
    typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  ) {
    return error.statusCode;
  }
  return null;
}
