import { Injectable, SetMetadata, createParamDecorator, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Role } from '../access/api-key.js';
import { AdministrationError, NotAuthenticated } from '../access/errors.js';
import { principalOf, requireRole, type Principal } from '../access/principal.js';
import { FactsSource } from '../issuance/facts.js';
import { FailedAttempts } from '../runs/failed-attempts.js';
import { SecurityLog } from '../access/security-log.js';
import { TooManyAttempts } from './problem.js';

const ROLES = 'corridor:roles';

/** The roles that may use a route; a route of the administration API without them is open to nobody. */
export const Allow = (...roles: Role[]) => SetMetadata(ROLES, roles);

const principals = new WeakMap<object, Principal>();

/** The principal that the guard found. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const principal = principals.get(context.switchToHttp().getRequest<FastifyRequest>());
  if (principal === undefined) throw new NotAuthenticated('key_missing', 'no principal');
  return principal;
});

/** The one guard of the administration API: authenticates the key against the latest facts and holds its roles against the route. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly facts: FactsSource,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const allowed = this.reflector.getAllAndOverride<Role[] | undefined>(ROLES, [context.getHandler(), context.getClass()]) ?? [];
    try {
      const principal = principalOf(request.headers.authorization, (await this.facts.latest()).keys);
      requireRole(principal, allowed);
      principals.set(request, principal);
      return true;
    } catch (error) {
      // whoever has the right key is never kept from the kill switch by others who guess
      const wait = this.failedAttempts.wait(callerAt(request.ip), request.ip);
      if (error instanceof AdministrationError) this.#noteFailure(error, request);
      throw wait > 0 && error instanceof NotAuthenticated ? new TooManyAttempts(wait) : error;
    }
  }

  #noteFailure(error: AdministrationError, request: FastifyRequest): void {
    if (error instanceof NotAuthenticated) this.failedAttempts.note(callerAt(request.ip), request.ip);
    this.securityLog.write({
      event: error instanceof NotAuthenticated ? 'authentication_failed' : 'access_refused',
      surface: 'api',
      subject: null,
      address: request.ip,
      detail: error.code,
    });
  }
}

/** A key that is unknown names nobody, so that only its address can be told from others. */
function callerAt(address: string): string {
  return `api ${address}`;
}
