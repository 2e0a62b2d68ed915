import { All, Controller, Get, Header, NotFoundException, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { detailTypesOf } from '../catalogue/look-up.js';
import { FactsSource } from '../issuance/facts.js';
import { AuthorizationServerMetadata } from './authorization-server-metadata.js';
import { noStore } from './oauth-error.js';
import { pathOf } from './oauth-path.js';

/** RFC 8414 metadata, and the authorization endpoint that some clients insist on and that leads nowhere. */
@Controller()
export class MetadataController {
  constructor(
    private readonly metadata: AuthorizationServerMetadata,
    private readonly facts: FactsSource,
  ) {}

  /** Also where clients look that put the well-known path behind the issuer, as OpenID Connect does (CONFORMANCE B85). */
  @Get(['.well-known/oauth-authorization-server/oauth2', 'oauth2/.well-known/oauth-authorization-server'])
  @Header('cache-control', 'public, max-age=300')
  async document(): Promise<Readonly<Record<string, unknown>>> {
    const types = detailTypesOf((await this.facts.current()).catalogue);
    // RFC 9396 §10 (CONFORMANCE B90)
    return types.length === 0 ? this.metadata.document : { ...this.metadata.document, authorization_details_types_supported: types };
  }

  /** Where the public URL has a path: the issuer's whole path comes after the well-known one (RFC 8414 §3.1). */
  @Get('.well-known/oauth-authorization-server/*')
  @Header('cache-control', 'public, max-age=300')
  async documentBelow(@Req() request: FastifyRequest): Promise<Readonly<Record<string, unknown>>> {
    if (pathOf(request.url) !== this.metadata.path) throw new NotFoundException();
    return await this.document();
  }

  @All('oauth2/authorize')
  authorize(@Res() reply: FastifyReply): void {
    if (!this.metadata.hasAuthorizationEndpoint) throw new NotFoundException();
    const body = { error: 'unsupported_response_type', error_description: 'there is no user flow here: use the client credentials grant' };
    void reply.status(400).headers(noStore).type('application/json').send(JSON.stringify(body));
  }
}
