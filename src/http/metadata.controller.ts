import { All, Controller, Get, Header, NotFoundException, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthorizationServerMetadata } from './authorization-server-metadata.js';
import { noStore } from './oauth-error.js';
import { pathOf } from './oauth-path.js';

/** RFC 8414 metadata, and the authorization endpoint that some clients insist on and that leads nowhere. */
@Controller()
export class MetadataController {
  constructor(private readonly metadata: AuthorizationServerMetadata) {}

  @Get('.well-known/oauth-authorization-server/oauth2')
  @Header('cache-control', 'public, max-age=300')
  document(): Readonly<Record<string, unknown>> {
    return this.metadata.document;
  }

  /** Where the public URL has a path: the issuer's whole path comes after the well-known one (RFC 8414 §3.1). */
  @Get('.well-known/oauth-authorization-server/*')
  @Header('cache-control', 'public, max-age=300')
  documentBelow(@Req() request: FastifyRequest): Readonly<Record<string, unknown>> {
    if (pathOf(request.url) !== this.metadata.path) throw new NotFoundException();
    return this.metadata.document;
  }

  @All('oauth2/authorize')
  authorize(@Res() reply: FastifyReply): void {
    if (!this.metadata.hasAuthorizationEndpoint) throw new NotFoundException();
    const body = { error: 'unsupported_response_type', error_description: 'there is no user flow here: use the client credentials grant' };
    void reply.status(400).headers(noStore).type('application/json').send(JSON.stringify(body));
  }
}
