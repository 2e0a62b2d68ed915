import { Controller, Delete, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import type { Administrator } from '../access/administrator.js';
import { NotFound } from '../access/errors.js';
import { declared } from '../catalogue/look-up.js';
import { Rotations } from '../credentials/rotation.js';
import { CredentialVersions } from '../credentials/sealed-credential.js';
import { BeginRotation } from '../issuance/begin-rotation.js';
import { FactsSource } from '../issuance/facts.js';
import { RotateCredentials } from '../issuance/rotate-credentials.js';
import { Clock } from '../oauth/clock.js';
import { findings } from '../posture/findings.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { printClient, printRotation } from './client-view.js';

/** Upstream clients: how they stand, and the rotation of their credentials (docs/rotation.md). */
@Controller('v1/clients')
@UseGuards(AccessGuard)
export class ClientAdministrationController {
  constructor(
    private readonly facts: FactsSource,
    private readonly versions: CredentialVersions,
    private readonly rotations: Rotations,
    private readonly beginRotation: BeginRotation,
    private readonly rotateCredentials: RotateCredentials,
    private readonly clock: Clock,
  ) {}

  @Get(':id')
  @Allow('operator', 'auditor', 'admin')
  async show(@Param('id') id: string): Promise<Record<string, unknown>> {
    const { catalogue } = await this.facts.latest();
    const client = declared(catalogue.clients, id);
    if (client === null) throw new NotFound('client_unknown', 'there is no such client');
    const [versions, rotations] = await Promise.all([this.versions.inUse(), this.rotations.latest()]);
    const now = this.clock.now();
    return printClient({
      client,
      versions: versions.filter((version) => version.client === id),
      rotation: rotations.find((rotation) => rotation.client === id) ?? null,
      findings: findings(catalogue, versions, now, { rotations }).filter(({ subject }) => subject === `client ${id}`),
      now,
    });
  }

  @Post(':id/rotation')
  @Allow('operator', 'admin')
  async begin(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const begun = await this.beginRotation.begin(id, caller.name);
    caller.did('rotation.begun', id, begun.entry);
    return printRotation(begun);
  }

  @Post(':id/rotation/registered')
  @HttpCode(200)
  @Allow('operator', 'admin')
  async confirm(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const confirmed = await this.rotateCredentials.confirm(id, caller.name);
    caller.did('rotation.registered', id, confirmed.entry);
    return printRotation(confirmed);
  }

  @Delete(':id/rotation')
  @Allow('operator', 'admin')
  async cancel(@Param('id') id: string, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const cancelled = await this.rotateCredentials.cancel(id, caller.name);
    caller.did('rotation.cancelled', id, cancelled.entry);
    return printRotation(cancelled);
  }
}
