import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SecurityLog } from '../access/security-log.js';
import { IntrospectToken } from '../issuance/introspect-token.js';
import { InvalidClient } from '../oauth/errors.js';
import { parseIntrospectionRequest } from './introspection-request.js';
import { printIntrospection } from './introspection-response.js';
import { notingFailures } from './noting-failures.js';
import { noStore } from './oauth-error.js';

/** The introspection endpoint (RFC 7662). */
@Controller()
export class IntrospectionController {
  constructor(
    private readonly introspectToken: IntrospectToken,
    private readonly securityLog: SecurityLog,
  ) {}

  @All('oauth2/introspect')
  async introspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      const asked = notingFailures(this.securityLog, 'introspection', request.ip, () => parseIntrospectionRequest(request));
      const introspection = await this.introspectToken.introspect(asked);
      void reply.headers(noStore).type('application/json').send(printIntrospection(introspection));
    } catch (error) {
      // RFC 7662 §2.3: 401, however the caller tried to authenticate
      if (error instanceof InvalidClient && error.challenge === false) throw new InvalidClient(error.message, true, error.detail);
      throw error;
    }
  }
}
