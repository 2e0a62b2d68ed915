import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SecurityLog } from '../access/security-log.js';
import { IssueToken } from '../issuance/issue-token.js';
import { notingFailures } from './noting-failures.js';
import { noStore } from './oauth-error.js';
import { readPostedForm } from './posted-form.js';
import { parseTokenRequest } from './token-request.js';
import { printTokenResponse } from './token-response.js';

/** The token endpoint (RFC 6749 §3.2). */
@Controller()
export class TokenController {
  constructor(
    private readonly issueToken: IssueToken,
    private readonly securityLog: SecurityLog,
  ) {}

  @All('oauth2/token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = notingFailures(this.securityLog, 'token', request.ip, () => parseTokenRequest(readPostedForm(request)));
    const release = await this.issueToken.issue(asked);
    void reply.headers(noStore).type('application/json').send(printTokenResponse(release));
  }
}
