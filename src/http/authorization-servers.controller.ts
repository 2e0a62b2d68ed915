import { Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { NotFound } from '../access/errors.js';
import { declared } from '../catalogue/look-up.js';
import { ApproveMetadata } from '../issuance/approve-metadata.js';
import { FactsSource } from '../issuance/facts.js';
import { RefreshMetadata } from '../issuance/refresh-metadata.js';
import { MetadataWatch } from '../upstreams/metadata-watch.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { printServer } from './authorization-server-view.js';
import { parseInput } from './problem.js';

const approveBody = z.strictObject({ digest: z.string().regex(/^[0-9a-f]{64}$/, 'must be the digest that is offered') });

/** The authorization servers of the catalogue: what Corridor uses of their metadata, and what they offer instead (CONFORMANCE A74). */
@Controller('v1/authorization-servers')
@UseGuards(AccessGuard)
export class AuthorizationServersController {
  constructor(
    private readonly facts: FactsSource,
    private readonly watch: MetadataWatch,
    private readonly refreshMetadata: RefreshMetadata,
    private readonly approveMetadata: ApproveMetadata,
  ) {}

  @Get()
  @Allow('operator', 'auditor', 'admin')
  async list(): Promise<{ authorization_servers: Record<string, unknown>[] }> {
    const [facts, watched] = await Promise.all([this.facts.latest(), this.watch.all()]);
    const servers = Object.values(facts.catalogue.authorizationServers);
    return { authorization_servers: servers.map((server) => printServer(server, facts, watched)) };
  }

  @Get(':id')
  @Allow('operator', 'auditor', 'admin')
  async show(@Param('id') id: string): Promise<Record<string, unknown>> {
    const [facts, watched] = await Promise.all([this.facts.latest(), this.watch.all()]);
    const server = declared(facts.catalogue.authorizationServers, id);
    if (server === null) throw new NotFound('authorization_server_unknown', 'there is no such authorization server in the catalogue');
    return printServer(server, facts, watched);
  }

  /** Reads its metadata now, as happens in the background now and then. */
  @Post(':id/refresh')
  @HttpCode(200)
  @Allow('operator', 'admin')
  async refresh(@Param('id') id: string): Promise<Record<string, unknown>> {
    await this.refreshMetadata.refresh(id);
    return this.show(id);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Allow('operator', 'admin')
  async approve(@Param('id') id: string, @Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const { digest } = parseInput(approveBody, body);
    const entry = await this.approveMetadata.approve(id, digest, caller.name);
    caller.did('metadata.approved', id, entry);
    return { entry, ...(await this.show(id)) };
  }
}
