import { Body, Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { printChanges } from '../catalogue/print-change.js';
import { Rotations } from '../credentials/rotation.js';
import { CredentialVersions } from '../credentials/sealed-credential.js';
import { ApplyCatalogue } from '../issuance/apply-catalogue.js';
import { FactsSource } from '../issuance/facts.js';
import { ObserveWorld } from '../issuance/observe-world.js';
import { Clock } from '../oauth/clock.js';
import { findings } from '../posture/findings.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';

const applyBody = z.strictObject({
  source: z.string().max(1_000_000),
  file: z.string().min(1).max(500).default('corridor.yaml'),
  dry_run: z.boolean().default(false),
  expected_revision: z.string().max(200).nullish(),
});

/** The catalogue: what is declared, and what is wrong with it. */
@Controller('v1')
@UseGuards(AccessGuard)
export class CatalogueController {
  constructor(
    private readonly applyCatalogue: ApplyCatalogue,
    private readonly facts: FactsSource,
    private readonly versions: CredentialVersions,
    private readonly observeWorld: ObserveWorld,
    private readonly rotations: Rotations,
    private readonly clock: Clock,
  ) {}

  @Post('apply')
  @HttpCode(200)
  @Allow('operator', 'admin')
  async apply(@Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { source, file, dry_run: dryRun, expected_revision: expected } = parseInput(applyBody, body);
    const { revision, changes } = await this.applyCatalogue.plan(source, file);
    const plan = changes.length === 0 ? [] : printChanges(changes).split('\n');
    if (dryRun || changes.length === 0) return { applied: false, revision, plan };
    const applied = await this.applyCatalogue.apply(source, file, expected ?? revision, caller.name);
    caller.did('catalogue.changed', applied.revision, applied.entry);
    return { applied: true, revision: applied.revision, plan };
  }

  @Get('posture')
  @Allow('operator', 'auditor', 'admin')
  async posture(): Promise<{ findings: readonly unknown[] }> {
    const { catalogue } = await this.facts.latest();
    const [versions, observed, rotations] = await Promise.all([
      this.versions.inUse(),
      this.observeWorld.observe(),
      this.rotations.latest(),
    ]);
    return { findings: findings(catalogue, versions, this.clock.now(), { ...observed, rotations }) };
  }
}
