import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Unavailable } from '../access/errors.js';
import { TemporarilyUnavailable } from '../oauth/errors.js';
import { isOAuthPath } from './oauth-path.js';

export interface RequestBounds {
  /** Requests that are read, worked on or answered at the same time; one more is told to come again. */
  readonly requests: number;
  /** The same of suspensions by themselves: a flood of the others is what they may be there to end. */
  readonly stops: number;
  /** Connections that stand at the same time; one more is closed before a byte is read from it. */
  readonly connections: number;
}

export const requestBounds: RequestBounds = { requests: 2_000, stops: 50, connections: 10_000 };

/** Whoever asks here would end the process, or send its clients to others that have as much to do. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);
const STOPS = /^\/v1\/suspensions(?![^/?])/;

/** Whatever comes in faster than it can be answered is answered with 503, and takes no memory. */
export function boundRequests(
  fastify: ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>,
  bounds: RequestBounds,
): void {
  const underWay = { requests: 0, stops: 0 };
  fastify.server.maxConnections = bounds.connections;
  fastify.addHook('onRequest', (request, reply, done) => {
    const kind = STOPS.test(request.url) ? 'stops' : 'requests';
    if (underWay[kind] >= bounds[kind] && !PROBES.has(request.url)) {
      const sentence = 'too many requests are under way: try again';
      return done(
        isOAuthPath(request.url) ? new TemporarilyUnavailable(sentence, { retryAfter: 1 }) : new Unavailable('overloaded', sentence),
      );
    }
    underWay[kind]++;
    reply.raw.once('close', () => underWay[kind]--);
    done();
  });
}
