import { isUtf8 } from 'node:buffer';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { boundRequests, requestBounds, type RequestBounds } from './bounded-requests.js';
import { EveryErrorFilter } from './every-error.filter.js';
import { FaultLog } from '../access/fault-log.js';
import { SecurityLog } from '../access/security-log.js';

/** Bytes and milliseconds (CONFORMANCE B8). A body holds at most an assertion and a few parameters, or a catalogue. */
const MAX_FORM = 65_536;
const MAX_JSON = 1_048_576;
const REQUEST_DEADLINE = 30_000;

/** Fastify as every surface needs it: forms as raw text, no trust in forwarded addresses, slow clients cut off. */
export function httpAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: MAX_JSON,
    requestTimeout: REQUEST_DEADLINE,
    connectionTimeout: REQUEST_DEADLINE,
    routerOptions: { maxParamLength: 300 },
    return503OnClosing: true,
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
  app.useGlobalFilters(new EveryErrorFilter(app.get(FaultLog), app.get(SecurityLog)));
}

/** Bytes that are no UTF-8 become a text that no form parser accepts (CONFORMANCE B7). */
function readText(body: string | Buffer): string {
  if (typeof body === 'string') return body;
  return isUtf8(body) ? body.toString() : '%';
}
