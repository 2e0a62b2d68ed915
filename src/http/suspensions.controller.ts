import { Body, Controller, Delete, Get, Param, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Principal } from '../access/principal.js';
import { printEpoch } from '../attribution/epoch.js';
import { FactsSource } from '../issuance/facts.js';
import { Suspend } from '../issuance/suspend.js';
import { timestamp } from '../oauth/clock.js';
import type { Exposure } from '../suspensions/exposure.js';
import { suspensionKinds, type Suspension } from '../suspensions/suspension.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';

const raiseBody = z.strictObject({
  kind: z.enum(suspensionKinds),
  id: z.string().min(1).max(200).nullish(),
  reason: z.string().min(1).max(1000),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
});

/** The kill switch (EXAMPLES "Administration"). */
@Controller('v1/suspensions')
@UseGuards(AccessGuard)
export class SuspensionsController {
  constructor(
    private readonly suspend: Suspend,
    private readonly facts: FactsSource,
  ) {}

  @Post()
  @Allow('responder', 'admin')
  async raise(@Body() body: unknown, @Caller() caller: Principal): Promise<Record<string, unknown>> {
    const wish = parseInput(raiseBody, body);
    const { suspension, epoch, exposure } = await this.suspend.raise(
      {
        kind: wish.kind,
        target: wish.id ?? null,
        reason: wish.reason,
        expiresAt: wish.expires_at ? Date.parse(wish.expires_at) : null,
      },
      caller.name,
    );
    return { ...printSuspension({ ...suspension, liftedAt: null }), epoch: printEpoch(epoch), exposure: exposure.map(printExposure) };
  }

  @Get()
  @Allow('responder', 'auditor', 'admin')
  async list(): Promise<{ suspensions: Record<string, unknown>[] }> {
    return { suspensions: (await this.facts.latest()).suspensions.map(printSuspension) };
  }

  @Delete(':id')
  @Allow('responder', 'admin')
  async lift(@Param('id') id: string, @Caller() caller: Principal): Promise<Record<string, unknown>> {
    const { suspension, liftedAt } = await this.suspend.lift(id, caller.name);
    return printSuspension({ ...suspension, liftedAt });
  }
}

function printSuspension(suspension: Suspension): Record<string, unknown> {
  return {
    id: suspension.id,
    kind: suspension.kind,
    ...(suspension.target === null ? {} : { target: suspension.target }),
    reason: suspension.reason,
    raised_by: suspension.raisedBy,
    raised_at: timestamp(suspension.raisedAt),
    expires_at: suspension.expiresAt === null ? null : timestamp(suspension.expiresAt),
    ...(suspension.liftedAt === null ? {} : { lifted_at: timestamp(suspension.liftedAt) }),
  };
}

function printExposure(exposure: Exposure): Record<string, unknown> {
  return {
    issuance: exposure.issuance,
    run: exposure.run,
    resource: exposure.resource,
    expires_at: timestamp(exposure.expiresAt),
    state: exposure.state,
    revocation: exposure.revocation ?? 'pending',
  };
}
