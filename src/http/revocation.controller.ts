import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RevokeGivenToken } from '../issuance/revoke-given-token.js';
import { noStore } from './oauth-error.js';
import { parseTokenQuestion } from './token-question.js';

/** The revocation endpoint (RFC 7009). */
@Controller()
export class RevocationController {
  constructor(private readonly revokeGivenToken: RevokeGivenToken) {}

  @All('oauth2/revoke')
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.revokeGivenToken.revoke(parseTokenQuestion(request));
    void reply.headers(noStore).status(200).send();
  }
}
