import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { SecurityLog } from '../access/security-log.js';
import { ReportRejectedToken } from '../issuance/report-rejected-token.js';
import { notingFailures } from './noting-failures.js';
import { parseTokenQuestion } from './token-question.js';

/** Where a run tells that a resource does not accept its token: a form like that of revocation, authenticated as at the token endpoint. */
@Controller('v1/tokens')
export class RejectedTokensController {
  constructor(
    private readonly reportRejectedToken: ReportRejectedToken,
    private readonly securityLog: SecurityLog,
  ) {}

  @Post('rejected')
  @HttpCode(204)
  async report(@Req() request: FastifyRequest): Promise<void> {
    const reported = notingFailures(this.securityLog, 'api', request.ip, () => parseTokenQuestion(request));
    await this.reportRejectedToken.report(reported);
  }
}
