import { Body, Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Invalid } from '../access/errors.js';
import type { Principal } from '../access/principal.js';
import { SecurityLog } from '../access/security-log.js';
import { authoritiesPath } from '../catalogue/credential-source.js';
import { authorities, hosts } from '../catalogue/member-shapes.js';
import { SecretReferences } from '../credentials/secret-references.js';
import { FactsSource } from '../issuance/facts.js';
import { authoritiesAt } from '../issuance/read-authorities.js';
import { Clock } from '../oauth/clock.js';
import { previewResource, ResourceUnusable } from '../upstreams/preview-resource.js';
import { IssuerUnusable, previewServer, type PreviewReach } from '../upstreams/preview-server.js';
import { UpstreamHttp } from '../upstreams/upstream-http.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';
import { printResourcePreview, printServerPreview } from './upstream-preview-view.js';

const address = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^[\x21-\x7e]+$/, 'must be a URL, in ASCII and without spaces');
const previewBody = z
  .strictObject({
    issuer: address.optional(),
    resource: address.optional(),
    allow_hosts: hosts().max(10).default([]),
    ca: authorities().optional(),
  })
  .refine(({ issuer, resource }) => (issuer === undefined) !== (resource === undefined), 'give issuer or resource, and not both');

/** What Corridor would use of a server that nobody has declared yet: nothing is kept, and nothing goes by it. */
@Controller('v1/authorization-servers/preview')
@UseGuards(AccessGuard)
export class UpstreamPreviewController {
  constructor(
    private readonly facts: FactsSource,
    private readonly http: UpstreamHttp,
    private readonly references: SecretReferences,
    private readonly securityLog: SecurityLog,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @Allow('admin')
  async preview(@Body() body: unknown, @Caller() caller: Principal, @Req() request: FastifyRequest): Promise<Record<string, unknown>> {
    const { issuer, resource, allow_hosts: allowHosts, ca } = parseInput(previewBody, body);
    if (allowHosts.length > 0) {
      this.securityLog.write({
        event: 'hosts_allowed',
        surface: 'api',
        subject: caller.key,
        address: request.ip,
        detail: `an administrator lets a preview reach ${allowHosts.join(', ')} at any address`,
      });
    }
    const reach = await this.#reach(allowHosts, ca);
    try {
      if (issuer !== undefined) return printServerPreview(await previewServer(issuer, reach, this.http, this.clock), reach);
      const { catalogue } = await this.facts.latest();
      return printResourcePreview(await previewResource(resource ?? '', reach, this.http), catalogue);
    } catch (error) {
      if (error instanceof IssuerUnusable) throw new Invalid('issuer_unusable', `issuer ${error.message}`);
      if (error instanceof ResourceUnusable) throw new Invalid('resource_unusable', `resource ${error.message}`);
      throw error;
    }
  }

  /** Whom it trusts is read as for the catalogue, and kept nowhere. */
  async #reach(allowHosts: readonly string[], ca: string | undefined): Promise<PreviewReach> {
    const path = ca === undefined ? null : authoritiesPath(ca);
    if (path === null) return { allowHosts };
    const read = await authoritiesAt(path, this.references);
    if ('problem' in read) throw new Invalid('ca_unusable', `ca ${read.problem}`);
    return { allowHosts, ca: { path, pem: read.pem } };
  }
}
