import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CredentialHealth, type ClientHealth } from '../issuance/credential-health.js';
import { Readiness, type UnreadyReason } from '../issuance/readiness.js';
import { timestamp } from '../oauth/clock.js';
import { AccessGuard } from './access.guard.js';

/**
 * For whoever starts processes and balances load (docs/operate.md "Health"). Whether it lives and is ready is told to everybody; what is
 * to be warned of names clients and servers, and is told to whoever has a key that may read them.
 */
@Controller()
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly health: CredentialHealth,
    private readonly guard: AccessGuard,
  ) {}

  /** The process answers. Nothing else is asked: it is not to be started again because its database is away. */
  @Get('healthz')
  alive(): { alive: true } {
    return { alive: true };
  }

  @Get('readyz')
  async ready(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const reasons = await this.readiness.look();
    const told = request.headers.authorization !== undefined && canBeAsked(reasons) ? await this.#details(request) : {};
    const ready = reasons.length === 0;
    void reply.status(ready ? 200 : 503).send({ ready, reasons, ...told });
  }

  async #details(request: FastifyRequest): Promise<Record<string, unknown>> {
    await this.guard.admit(request, ['operator', 'auditor', 'admin']);
    const { warnings, clients } = await this.health.read();
    return { warnings, clients: clients.map(printClient) };
  }
}

/** Without the database nobody can be authenticated, and there is nothing to tell. */
function canBeAsked(reasons: readonly UnreadyReason[]): boolean {
  return !reasons.some(({ code }) => code === 'database_unreachable' || code === 'database_behind');
}

function printClient({ client, rotationDueAt, rotationOverdue, lastCheck }: ClientHealth): Record<string, unknown> {
  return {
    client,
    rotation_due_at: rotationDueAt === null ? null : timestamp(rotationDueAt),
    rotation_overdue: rotationOverdue,
    last_check: lastCheck && { time: lastCheck.time, result: lastCheck.result, problems: lastCheck.problems, entry: lastCheck.entry },
  };
}
