import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Tells of each answer: the pattern of its route, its status, and the seconds that it took. */
export function countRequests(
  fastify: ReturnType<ReturnType<NestFastifyApplication['getHttpAdapter']>['getInstance']>,
  answered: (route: string, status: number, seconds: number) => void,
): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    answered(request.is404 ? 'unmatched' : (request.routeOptions.url ?? 'unmatched'), reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
