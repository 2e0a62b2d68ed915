import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SecurityLog } from '../access/security-log.js';
import { IssueToken } from '../issuance/issue-token.js';
import type { TokenRequest } from '../issuance/token-request.js';
import { InvalidClient, OAuthError } from '../oauth/errors.js';
import { MethodNotAllowed } from './framework-errors.js';
import { noStore } from './oauth-error.js';
import { readTokenRequest } from './raw-token-request.js';
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
    if (request.method !== 'POST') throw new MethodNotAllowed();
    const release = await this.issueToken.issue(this.#parse(request));
    void reply.headers(noStore).type('application/json').send(printTokenResponse(release));
  }

  /** Of what cannot be parsed nobody is the author, so no entry says it: the security log does. */
  #parse(request: FastifyRequest): TokenRequest {
    try {
      return parseTokenRequest(readTokenRequest(request));
    } catch (error) {
      if (error instanceof OAuthError) {
        const event = error instanceof InvalidClient ? 'authentication_failed' : 'malformed_request';
        this.securityLog.write({ event, surface: 'token', subject: null, address: request.ip, detail: error.message });
      }
      throw error;
    }
  }
}
