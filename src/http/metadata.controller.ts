import { All, Controller, Get, Header, NotFoundException, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AuthorizationServerMetadata } from './authorization-server-metadata.js';
import { noStore } from './oauth-error.js';

/** RFC 8414 metadata, and the authorization endpoint that some clients insist on and that leads nowhere. */
@Controller()
export class MetadataController {
  constructor(private readonly metadata: AuthorizationServerMetadata) {}

  @Get('.well-known/oauth-authorization-server/oauth2')
  @Header('cache-control', 'public, max-age=300')
  document(): Readonly<Record<string, unknown>> {
    return this.metadata.document;
  }

  @All('oauth2/authorize')
  authorize(@Res() reply: FastifyReply): void {
    if (!this.metadata.hasAuthorizationEndpoint) throw new NotFoundException();
    const body = { error: 'unsupported_response_type', error_description: 'there is no user flow here: use the client credentials grant' };
    void reply.status(400).headers(noStore).type('application/json').send(JSON.stringify(body));
  }
}
