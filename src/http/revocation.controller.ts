import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SecurityLog } from '../access/security-log.js';
import { RevokeGivenToken } from '../issuance/revoke-given-token.js';
import { noStore } from './oauth-error.js';
import { notingFailures } from './noting-failures.js';
import { parseTokenQuestion } from './token-question.js';

/** The revocation endpoint (RFC 7009). */
@Controller()
export class RevocationController {
  constructor(
    private readonly revokeGivenToken: RevokeGivenToken,
    private readonly securityLog: SecurityLog,
  ) {}

  @All('oauth2/revoke')
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = notingFailures(this.securityLog, 'revocation', request.ip, () => parseTokenQuestion(request));
    await this.revokeGivenToken.revoke(asked);
    void reply.headers(noStore).status(200).send();
  }
}
