import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AdministrationError, Unavailable } from '../access/errors.js';
import { LogUnavailable } from '../attribution/entry-log.js';
import { InvalidRequest, OAuthError, TemporarilyUnavailable } from '../oauth/errors.js';
import { SecurityLog, type SecurityEvent } from '../access/security-log.js';
import { FaultLog } from '../access/fault-log.js';
import { noStore, oauthAnswer, type OAuthAnswer } from './oauth-error.js';
import { isOAuthPath } from './oauth-path.js';
import { problem, problemOf, TooManyAttempts } from './problem.js';

/**
 * Every error of every surface leaves here: under /oauth2/ as OAuth JSON, also the framework's own (CONFORMANCE B64),
 * elsewhere as problem details (RFC 9457). What is no error of ours is written to the fault log and answered without a word of it.
 */
@Catch()
export class EveryErrorFilter implements ExceptionFilter {
  constructor(
    private readonly faultLog: FaultLog,
    private readonly securityLog: SecurityLog,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const answer = isOAuthPath(request.url) ? this.#oauth(error, request) : this.#problem(error);
    void reply.status(answer.status).headers(answer.headers).type(contentType(request.url)).send(JSON.stringify(answer.body));
  }

  #oauth(error: unknown, request: FastifyRequest): OAuthAnswer {
    if (error instanceof OAuthError) {
      if (error instanceof InvalidRequest) {
        this.securityLog.write({
          event: 'malformed_request',
          surface: surfaceOf(request.url),
          subject: null,
          address: request.ip,
          detail: error.message,
        });
      }
      if (error.cause !== undefined) this.faultLog.write(error.cause);
      return oauthAnswer(error);
    }
    const status = error instanceof AdministrationError ? problemOf(error).status : frameworkStatus(error);
    if (status !== null) {
      const body = { error: 'invalid_request', error_description: frameworkSentence(status) };
      return { status, headers: { ...noStore, ...(status === 405 ? { allow: 'POST' } : {}) }, body };
    }
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
    const status = frameworkStatus(error);
    if (status !== null) return { status, headers: {}, body: { ...problem(status, 'http', frameworkSentence(status)) } };
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

/** For the security log: which OAuth endpoint was asked. */
function surfaceOf(url: string): SecurityEvent['surface'] {
  if (url.startsWith('/oauth2/revoke')) return 'revocation';
  return url.startsWith('/oauth2/introspect') ? 'introspection' : 'token';
}

function contentType(url: string): string {
  return isOAuthPath(url) ? 'application/json' : 'application/problem+json';
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

function frameworkSentence(status: number): string {
  switch (status) {
    case 404:
      return 'there is nothing at this path';
    case 405:
      return 'this path takes another method';
    case 413:
      return 'the body is too large';
    case 415:
      return 'the body has another media type than this path takes';
    default:
      return 'the request is malformed';
  }
}
