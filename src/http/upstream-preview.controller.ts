import { Body, Controller, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Invalid } from '../access/errors.js';
import type { Principal } from '../access/principal.js';
import { SecurityLog } from '../access/security-log.js';
import { hosts } from '../catalogue/member-shapes.js';
import type { Catalogue } from '../catalogue/catalogue.js';
import { resourceSnippet, serverSnippet } from '../catalogue/snippet.js';
import { FactsSource } from '../issuance/facts.js';
import { Clock } from '../oauth/clock.js';
import { previewResource, ResourceUnusable, type ResourcePreview } from '../upstreams/preview-resource.js';
import { IssuerUnusable, previewServer, type ServerPreview } from '../upstreams/preview-server.js';
import { UpstreamHttp } from '../upstreams/upstream-http.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';

const address = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^[\x21-\x7e]+$/, 'must be a URL, in ASCII and without spaces');
const previewBody = z
  .strictObject({ issuer: address.optional(), resource: address.optional(), allow_hosts: hosts().max(10).default([]) })
  .refine(({ issuer, resource }) => (issuer === undefined) !== (resource === undefined), 'give issuer or resource, and not both');

/** What Corridor would use of a server that nobody has declared yet: nothing is kept, and nothing goes by it. */
@Controller('v1/authorization-servers/preview')
@UseGuards(AccessGuard)
export class UpstreamPreviewController {
  constructor(
    private readonly facts: FactsSource,
    private readonly http: UpstreamHttp,
    private readonly securityLog: SecurityLog,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @Allow('admin')
  async preview(@Body() body: unknown, @Caller() caller: Principal, @Req() request: FastifyRequest): Promise<Record<string, unknown>> {
    const { issuer, resource, allow_hosts: allowHosts } = parseInput(previewBody, body);
    if (allowHosts.length > 0) {
      this.securityLog.write({
        event: 'hosts_allowed',
        surface: 'api',
        subject: caller.key,
        address: request.ip,
        detail: `an administrator lets a preview reach ${allowHosts.join(', ')} at any address`,
      });
    }
    try {
      if (issuer !== undefined) return printServerPreview(await previewServer(issuer, allowHosts, this.http, this.clock), allowHosts);
      const { catalogue } = await this.facts.latest();
      return printResourcePreview(await previewResource(resource ?? '', allowHosts, this.http), catalogue);
    } catch (error) {
      if (error instanceof IssuerUnusable) throw new Invalid('issuer_unusable', `issuer ${error.message}`);
      if (error instanceof ResourceUnusable) throw new Invalid('resource_unusable', `resource ${error.message}`);
      throw error;
    }
  }
}

function printServerPreview(preview: ServerPreview, allowHosts: readonly string[]): Record<string, unknown> {
  const { issuer, looks, found, metadata, profile, method, remarks } = preview;
  const document = found?.document ?? null;
  const matches = document === null ? null : document.issuer === issuer;
  return {
    issuer,
    usable: metadata !== null && method !== null,
    looked: looks,
    location: found?.location ?? null,
    issuer_matches: matches,
    metadata: document,
    method,
    profile,
    remarks,
    snippet:
      matches === false
        ? null
        : serverSnippet({ ...preview, profile: profile.name, allowHosts, ...methodOf(preview), undecided: undecided(preview) }),
  };
}

function methodOf({ method }: ServerPreview): { method: string | null; algorithm: string | null } {
  return { method: method?.name ?? null, algorithm: method?.algorithm ?? null };
}

/** What a document names at another origin is not for us to believe. */
function undecided({ found, metadata }: ServerPreview): Record<string, string> {
  if (metadata !== null) return {};
  const { token_endpoint: token = null, revocation_endpoint: revocation = null } = found?.document ?? {};
  return { token_endpoint: token ?? 'https://…', ...(revocation === null ? {} : { revocation_endpoint: revocation }) };
}

function printResourcePreview(preview: ResourcePreview, catalogue: Catalogue): Record<string, unknown> {
  const { resource, looks, authorizationServers, scopes } = preview;
  const { url: location, status, came } = looks.find((look) => look.came === 'document') ?? looks[0];
  // CONFORMANCE A78: a name in somebody else's document makes nobody trusted
  const named = authorizationServers.map((issuer) => ({
    issuer,
    declared_as: Object.values(catalogue.authorizationServers).find((server) => server.issuer === issuer)?.id ?? null,
  }));
  const known = named.find(({ declared_as: id }) => id !== null)?.declared_as ?? null;
  return {
    resource,
    looked: looks,
    location,
    status,
    came,
    authorization_servers: named,
    scopes_supported: scopes,
    snippet: came === 'document' ? resourceSnippet({ uri: resource, authorizationServer: known, scopes }) : null,
  };
}
