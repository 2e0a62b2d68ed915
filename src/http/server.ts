import { isUtf8 } from 'node:buffer';
import type { Server } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { BadRequestException } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { boundRequests, requestBounds, type RequestBounds } from './bounded-requests.js';
import { EveryErrorFilter } from './every-error.filter.js';
import { FaultLog } from '../access/fault-log.js';
import { contentType, frameworkAnswer } from './framework-answer.js';
import { isOAuthPath } from './oauth-path.js';
import { connectionLimits, openServer, type ConnectionLimits, type TlsPair } from './open-server.js';
import { securityHeaders } from './security-headers.js';
import type { TrustedProxies } from './trusted-proxies.js';
import { answerUnreadable } from './unreadable-request.js';

/** Bytes (CONFORMANCE B8). A body holds at most an assertion and a few parameters, or a catalogue. */
const MAX_FORM = 65_536;
const MAX_JSON = 1_048_576;
const CLOSE_IDLE_EVERY = 50;

/** How this process is reached; plain http by nobody else when nothing is said. */
export interface Edge {
  /** Whether agents come by https, whoever ends TLS. */
  readonly https?: boolean;
  /** Ends TLS here. */
  readonly tls?: TlsPair | null;
  /** Whose word counts about the address of a client; null: nobody's. */
  readonly proxies?: TrustedProxies | null;
  readonly limits?: ConnectionLimits;
  readonly bounds?: RequestBounds;
}

/** Fastify as every surface needs it: forms as raw text, no trust in forwarded addresses, slow clients cut off. */
export function httpAdapter({ https = false, tls = null, limits = connectionLimits }: Edge = {}): FastifyAdapter {
  const always = securityHeaders(https);
  const options: FastifyServerOptions = {
    bodyLimit: MAX_JSON,
    serverFactory: (listener) => openServer(listener, tls, limits),
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, always),
    frameworkErrors: (error, request, reply) => answerUnroutable(error, request, reply.headers(always)),
    routerOptions: { maxParamLength: 300 },
    // what comes in on a connection that is still open is answered, and the connection closed: Fastify's own 503 is no OAuth JSON
    return503OnClosing: false,
    forceCloseConnections: 'idle',
  };
  return new FastifyAdapter(options);
}

/** Installs what stands around the controllers. Call before `init`. */
export function furnish(app: NestFastifyApplication, { https = false, proxies = null, bounds = requestBounds }: Edge = {}): void {
  const fastify = app.getHttpAdapter().getInstance();
  // first, so that whatever answers has them, and a route may say otherwise
  const always = securityHeaders(https);
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(always);
    done();
  });
  boundRequests(fastify, bounds);
  if (proxies !== null) {
    fastify.addHook('onRequest', (request, _reply, done) => {
      Object.defineProperty(request, 'ip', { value: proxies.clientOf(request.raw) });
      done();
    });
  }
  fastify.addHook('onRequest', ({ raw: { headers, httpVersion } }, _reply, done) => {
    // RFC 9112 §3.2
    if (headers.host === undefined && httpVersion === '1.1') done(new BadRequestException('a request must name its host'));
    else done();
  });
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
