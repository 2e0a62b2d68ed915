import { Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import type { Administrator } from '../access/administrator.js';
import { NotFound } from '../access/errors.js';
import { EntrySearch } from '../attribution/entry-search.js';
import { CheckClient } from '../issuance/check-client.js';
import type { ClientCheck } from '../issuance/client-check.js';
import { lastChecks } from '../issuance/last-checks.js';
import { timestamp } from '../oauth/clock.js';
import { AccessGuard, Allow, Caller } from './access.guard.js';
import { parseInput } from './problem.js';
import { storableText } from './storable-text.js';

const name = storableText(200).nullish();
const checkBody = z
  .strictObject({ workflow: name, purpose: name, resource: name, scope: name })
  .transform(({ workflow, purpose, resource, scope }) => ({
    workflow: workflow ?? null,
    purpose: purpose ?? null,
    resource: resource ?? null,
    scope: scope ?? null,
  }));

/** Whether an upstream client works, tried with a token that nobody is given. */
@Controller('v1/clients')
@UseGuards(AccessGuard)
export class ClientChecksController {
  constructor(
    private readonly checkClient: CheckClient,
    private readonly search: EntrySearch,
  ) {}

  @Post(':id/check')
  @HttpCode(200)
  @Allow('operator', 'admin')
  async check(@Param('id') id: string, @Body() body: unknown, @Caller() caller: Administrator): Promise<Record<string, unknown>> {
    const check = await this.checkClient.check(id, parseInput(checkBody, body), caller.name);
    caller.did('client.checked', id, check.entry);
    return printCheck(check);
  }

  /** What the last one came to. */
  @Get(':id/check')
  @Allow('operator', 'auditor', 'admin')
  async last(@Param('id') id: string): Promise<Record<string, unknown>> {
    const last = (await lastChecks(this.search)).get(id);
    if (last === undefined) throw new NotFound('never_checked', 'this client was not checked lately');
    return { ...last };
  }
}

function printCheck({
  client,
  at,
  run,
  workflow,
  entry,
  asked,
  returned,
  revocation,
  problems,
  notes,
}: ClientCheck): Record<string, unknown> {
  return {
    client,
    time: timestamp(at),
    run,
    workflow,
    entry,
    result: problems.length === 0 ? 'passed' : 'failed',
    asked: {
      resource: asked.resource,
      scope: asked.scope,
      longest_life: asked.longestLife,
      token_type: asked.type,
      binding: asked.binding,
    },
    returned: returned && {
      scope: returned.scope,
      audience: returned.audience,
      lifetime: returned.said.expiresIn,
      expires_at: timestamp(returned.expiresAt),
      token_type: returned.said.tokenType,
      binding: returned.binding,
    },
    revocation,
    problems,
    notes,
  };
}
