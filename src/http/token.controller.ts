import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IssueToken } from '../issuance/issue-token.js';
import { formBody } from './form-body.js';
import { noStore } from './oauth-error.js';
import { parseTokenRequest } from './token-request.js';
import { printTokenResponse } from './token-response.js';

/** The token endpoint (RFC 6749 §3.2). */
@Controller()
export class TokenController {
  constructor(private readonly issueToken: IssueToken) {}

  @All('oauth2/token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = formBody(request);
    const release = await this.issueToken.issue(
      parseTokenRequest({
        body,
        authorization: request.headers.authorization,
        traceparent: single(request.headers['traceparent']),
        address: request.ip,
      }),
    );
    void reply.headers(noStore).type('application/json').send(printTokenResponse(release));
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
