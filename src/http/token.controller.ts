import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { IssueToken } from '../issuance/issue-token.js';
import { InvalidRequest } from '../oauth/errors.js';
import { MethodNotAllowed } from './framework-errors.js';
import { noStore } from './oauth-error.js';
import { parseTokenRequest } from './token-request.js';
import { printTokenResponse } from './token-response.js';

/** The token endpoint (RFC 6749 §3.2). */
@Controller()
export class TokenController {
  constructor(private readonly issueToken: IssueToken) {}

  @All('oauth2/token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (request.method !== 'POST') throw new MethodNotAllowed();
    // CONFORMANCE B3: nothing in the URL is ever honoured
    if (request.url.includes('?')) throw new InvalidRequest('parameters belong in the body, not in the URL');
    if (typeof request.body !== 'string') throw new InvalidRequest('the body must be application/x-www-form-urlencoded');
    const release = await this.issueToken.issue(
      parseTokenRequest({
        body: request.body,
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
