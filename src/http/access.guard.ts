import { Injectable, SetMetadata, createParamDecorator, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Administrator } from '../access/administrator.js';
import type { Role } from '../access/api-key.js';
import { AdministrationError, NotAuthenticated, TooManyAttempts } from '../access/errors.js';
import { principalOf, requireRole } from '../access/principal.js';
import { FactsSource } from '../issuance/facts.js';
import { AssertionRefused } from '../runs/compact-jws.js';
import { ExchangeAssertion } from '../runs/exchange-assertion.js';
import { FailedAttempts } from '../runs/failed-attempts.js';
import type { VerifiedWorkload } from '../runs/verify-workload.js';
import { SecurityLog } from '../access/security-log.js';

const ROLES = 'corridor:roles';

/** The roles that may use a route; a route of the administration API without them is open to nobody. */
export const Allow = (...roles: Role[]) => SetMetadata(ROLES, roles);

/** A key has no dots. */
const BEARER_JWS = /^bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
const WORKLOADS = 'corridor:workloads';

/** A route that a workload assertion opens too, in place of a key with a role. */
export const AllowWorkload = () => SetMetadata(WORKLOADS, true);

const administrators = new WeakMap<object, Administrator>();
const workloads = new WeakMap<object, VerifiedWorkload>();

/** Who starts a run: the principal, or a workload by its assertion, which is not yet spent. */
export const Starter = createParamDecorator((_: unknown, context: ExecutionContext): Administrator | VerifiedWorkload => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const starter = workloads.get(request) ?? administrators.get(request);
  if (starter === undefined) throw new NotAuthenticated('key_missing', 'no principal');
  return starter;
});

/** The principal that the guard found. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Administrator => {
  const administrator = administrators.get(context.switchToHttp().getRequest<FastifyRequest>());
  if (administrator === undefined) throw new NotAuthenticated('key_missing', 'no principal');
  return administrator;
});

/** The one guard of the administration API: authenticates the key against the latest facts and holds its roles against the route. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly facts: FactsSource,
    private readonly failedAttempts: FailedAttempts,
    private readonly securityLog: SecurityLog,
    private readonly exchange: ExchangeAssertion,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const allowed = this.reflector.getAllAndOverride<Role[] | undefined>(ROLES, [context.getHandler(), context.getClass()]) ?? [];
    const takesWorkloads = this.reflector.get<boolean | undefined>(WORKLOADS, context.getHandler()) === true;
    const assertion = takesWorkloads ? BEARER_JWS.exec(request.headers.authorization ?? '')?.[1] : undefined;
    if (assertion === undefined) await this.admit(request, allowed);
    else await this.#noting(request, async () => workloads.set(request, await this.exchange.admit(assertion)));
    return true;
  }

  /** Authenticates the key of a request and requires one of the roles. @throws NotAuthenticated, NotAllowed, TooManyAttempts */
  async admit(request: FastifyRequest, allowed: readonly Role[]): Promise<void> {
    await this.#noting(request, async () => {
      const principal = principalOf(request.headers.authorization, (await this.facts.latest()).keys);
      requireRole(principal, allowed);
      administrators.set(request, new Administrator(principal, request.ip, this.securityLog));
    });
  }

  async #noting(request: FastifyRequest, admit: () => Promise<unknown>): Promise<void> {
    try {
      await admit();
    } catch (error) {
      if (!(error instanceof AdministrationError)) throw error;
      // whoever has the right key is never kept from the kill switch by others who guess
      const wait = error instanceof NotAuthenticated ? this.failedAttempts.wait(callerAt(request.ip), request.ip) : 0;
      this.#note(error, request.ip, wait > 0);
      throw wait > 0 ? new TooManyAttempts(wait) : error;
    }
  }

  #note(error: AdministrationError, address: string, throttled: boolean): void {
    const failed = error instanceof NotAuthenticated;
    if (failed) this.failedAttempts.note(callerAt(address), address);
    this.securityLog.write({
      event: throttled ? 'throttled' : failed ? 'authentication_failed' : 'access_refused',
      surface: 'api',
      subject: null,
      address,
      detail: error.cause instanceof AssertionRefused ? error.cause.message : error.code,
    });
  }
}

/** A key that is unknown names nobody, so that only its address can be told from others. */
function callerAt(address: string): string {
  return `api ${address}`;
}
