import { isUtf8 } from 'node:buffer';
import type { Server } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { boundRequests, requestBounds, type RequestBounds } from './bounded-requests.js';
import { EveryErrorFilter } from './every-error.filter.js';
import { FaultLog } from '../access/fault-log.js';
import { contentType, frameworkAnswer } from './framework-answer.js';
import { isOAuthPath } from './oauth-path.js';
import { answerUnreadable } from './unreadable-request.js';

/** Bytes and milliseconds (CONFORMANCE B8). A body holds at most an assertion and a few parameters, or a catalogue. */
const MAX_FORM = 65_536;
const MAX_JSON = 1_048_576;
const REQUEST_DEADLINE = 10_000;
const IDLE_DEADLINE = 30_000;
const LOOK_EVERY = 1_000;
const CLOSE_IDLE_EVERY = 50;

/** Fastify as every surface needs it: forms as raw text, no trust in forwarded addresses, slow clients cut off. */
export function httpAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: MAX_JSON,
    requestTimeout: REQUEST_DEADLINE,
    connectionTimeout: IDLE_DEADLINE,
    // Node looks every 30 seconds by itself, so that a slow client would have a minute
    http: { headersTimeout: REQUEST_DEADLINE, connectionsCheckingInterval: LOOK_EVERY },
    clientErrorHandler: answerUnreadable,
    frameworkErrors: answerUnroutable,
    routerOptions: { maxParamLength: 300 },
    // what comes in on a connection that is still open is answered, and the connection closed: Fastify's own 503 is no OAuth JSON
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  });
}

/** Installs what stands around the controllers. Call before `init`. */
export function furnish(app: NestFastifyApplication, bounds: RequestBounds = requestBounds): void {
  const fastify = app.getHttpAdapter().getInstance();
  boundRequests(fastify, bounds);
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer', bodyLimit: MAX_FORM }, (_request, body, done) => {
    done(null, readText(body));
  });
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // many clients name the type of a body that they do not send
    if (body.length === 0) done(null, undefined);
    else void parseJson(request, body.toString(), done);
  });
  fastify.addHook('preClose', (done) => {
    closeIdleConnections(fastify.server);
    done();
  });
  app.useGlobalFilters(new EveryErrorFilter(app.get(FaultLog)));
}

/**
 * While it closes: a connection whose request was under way is idle only once that is answered, and a client that keeps it for the next
 * one would keep the whole process.
 */
function closeIdleConnections(server: Server): void {
  const timer = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY);
  server.once('close', () => clearInterval(timer));
}

/** Bytes that are no UTF-8 become a text that no form parser accepts (CONFORMANCE B7). */
function readText(body: string | Buffer): string {
  if (typeof body === 'string') return body;
  return isUtf8(body) ? body.toString() : '%';
}

/** A path that cannot be decoded, or is too long, has no route and so no filter. */
function answerUnroutable(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const underOAuth = isOAuthPath(request.url);
  const { status, headers, body } = frameworkAnswer(error.statusCode ?? 400, underOAuth);
  void reply.status(status).headers(headers).type(contentType(underOAuth)).send(JSON.stringify(body));
}
